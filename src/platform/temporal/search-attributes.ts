import { setTimeout as pause } from 'node:timers/promises';
import type { ConnectionLike } from '@temporalio/client';
import { SearchAttributeType } from '@temporalio/common/lib/search-attributes';
import { searchAttributes } from '../../message/contract';

// temporal.api.enums.v1.IndexedValueType, for the types we use.
const INDEXED_VALUE_TYPES = { [SearchAttributeType.KEYWORD]: 2, [SearchAttributeType.DATETIME]: 6 } as const;
const TYPE_NAMES = { [SearchAttributeType.KEYWORD]: 'Keyword', [SearchAttributeType.DATETIME]: 'Datetime' } as const;
// gRPC codes.
const INVALID_ARGUMENT = 3;
const ALREADY_EXISTS = 6;
// Permission denied, or not implemented.
const FORBIDDEN = [7, 12];

// A query that names all attributes, and finds nothing. A server refuses it while it does not know one of them. An index
// answers it at once, also one that leaves out rows without a value.
const NOBODY = {
  [SearchAttributeType.KEYWORD]: `= ''`,
  [SearchAttributeType.DATETIME]: `< '1970-01-01T00:00:00Z'`,
} as const;
const NAMING_ALL = Object.values(searchAttributes)
  .map(({ name, type }) => `${name} ${NOBODY[type]}`)
  .join(' and ');

// A server passes new attributes to its parts every few seconds; the slowest has them within ten. Until then it refuses
// both a list and a start that name them.
const SPREAD_TIMEOUT_MS = 60_000;

/**
 * The search attributes that a namespace lacks, with the types to register, and those that it has with another type.
 */
export async function searchAttributesIn(
  { operatorService }: Pick<ConnectionLike, 'operatorService'>,
  namespace: string,
): Promise<{ missing: Record<string, number>; wrong: string[] }> {
  const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
  const missing: Record<string, number> = {};
  const wrong: string[] = [];
  for (const { name, type } of Object.values(searchAttributes)) {
    const present = customAttributes?.[name];
    if (present === undefined) missing[name] = INDEXED_VALUE_TYPES[type];
    else if (present !== INDEXED_VALUE_TYPES[type]) wrong.push(name);
  }
  return { missing, wrong };
}

/**
 * Registers the search attributes that the namespace lacks, and waits until it knows them: a message with an unknown
 * attribute cannot be started. Safe when many workers start at once. Throws if an attribute exists with another type,
 * or is missing and this account may not register it, as on Temporal Cloud. Both need a person.
 */
export async function ensureSearchAttributes(
  { operatorService, workflowService }: Pick<ConnectionLike, 'operatorService' | 'workflowService'>,
  namespace: string,
): Promise<void> {
  const isUsable = () =>
    workflowService.listWorkflowExecutions({ namespace, pageSize: 1, query: NAMING_ALL }).then(
      () => true,
      (error) => {
        if (codeOf(error) === INVALID_ARGUMENT) return false;
        throw error;
      },
    );
  try {
    await register(operatorService, namespace);
  } catch (error) {
    if (!FORBIDDEN.includes(codeOf(error) ?? 0)) throw error;
    // Another account may have registered them, which is enough.
    if (await isUsable()) return;
    throw new Error(howToRegister(namespace), { cause: error });
  }
  const deadline = Date.now() + SPREAD_TIMEOUT_MS;
  while (!(await isUsable().catch(() => false))) {
    if (Date.now() > deadline) throw new Error(`${namespace} does not get to know its search attributes`);
    await pause(250);
  }
}

async function register(operatorService: ConnectionLike['operatorService'], namespace: string): Promise<void> {
  const { missing, wrong } = await searchAttributesIn({ operatorService }, namespace);
  if (wrong[0] !== undefined) throw new Error(`search attribute ${wrong[0]} is registered with another type`);
  if (Object.keys(missing).length === 0) return;
  try {
    await operatorService.addSearchAttributes({ namespace, searchAttributes: missing });
  } catch (error) {
    // Another worker was quicker.
    if (codeOf(error) !== ALREADY_EXISTS) throw error;
  }
}

/** The instructions for a person, if the worker may not register. */
function howToRegister(namespace: string): string {
  const all = Object.values(searchAttributes).map(({ name, type }) => ({ name, type: TYPE_NAMES[type] }));
  const temporal = all.map(({ name, type }) => `--name ${name} --type ${type}`).join(' ');
  const tcld = all.map(({ name, type }) => `--search-attribute ${name}=${type}`).join(' ');
  return (
    `permission denied to register search attributes in ${namespace}; an account with that permission must do so: ` +
    `temporal operator search-attribute create --namespace ${namespace} ${temporal}, ` +
    `or on Temporal Cloud: tcld namespace search-attributes add --namespace ${namespace} ${tcld}`
  );
}

const codeOf = (error: unknown): number | undefined => (error as { code?: number }).code;
