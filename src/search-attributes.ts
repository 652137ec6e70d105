import { setTimeout as pause } from 'node:timers/promises';
import type { ConnectionLike } from '@temporalio/client';
import { SearchAttributeType } from '@temporalio/common/lib/search-attributes';
import { searchAttributes } from './contract';

// temporal.api.enums.v1.IndexedValueType, by the names of the kinds we use.
const INDEXED_VALUE_TYPES = { [SearchAttributeType.KEYWORD]: 2, [SearchAttributeType.DATETIME]: 6 } as const;
const ALREADY_EXISTS = 6;

// A server hands new attributes on to its parts every few seconds, the slowest within ten; until then it refuses
// both a list and a start that name them.
const SPREAD_TIMEOUT_MS = 60_000;

/** The search attributes that a namespace lacks, with the types to register, and those that it has with another type. */
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
 * Registers the search attributes that the namespace lacks, and waits until it knows them; a message that carries an
 * unknown one cannot be started. Safe when many workers start at once. Throws when an attribute is there with another
 * type: that needs a person.
 */
export async function ensureSearchAttributes(
  { operatorService, workflowService }: Pick<ConnectionLike, 'operatorService' | 'workflowService'>,
  namespace: string,
): Promise<void> {
  const { missing, wrong } = await searchAttributesIn({ operatorService }, namespace);
  if (wrong[0] !== undefined) throw new Error(`search attribute ${wrong[0]} is registered with another type`);
  try {
    if (Object.keys(missing).length > 0)
      await operatorService.addSearchAttributes({ namespace, searchAttributes: missing });
  } catch (error) {
    // Another worker was quicker.
    if ((error as { code?: number }).code !== ALREADY_EXISTS) throw error;
  }
  const query = Object.values(searchAttributes).map(({ name }) => `${name} is null`);
  const deadline = Date.now() + SPREAD_TIMEOUT_MS;
  for (;;) {
    try {
      await workflowService.listWorkflowExecutions({ namespace, pageSize: 1, query: query.join(' and ') });
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await pause(250);
    }
  }
}
