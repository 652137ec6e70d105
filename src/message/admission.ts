import { type MessageRef, workflowIdOf } from './contract';
import { FIELD_CODES, type Refusal, type RefusalCode } from './refusal';
import { MAX_LEAD_MS } from './wake';

/** The characters of topic, tenant and key. */
export const PART = /^[A-Za-z0-9._-]+$/;
// Temporal's dev server and our dynamic configuration limit ids to 255 bytes. Parts are ASCII, so bytes are characters.
const MAX_ID_BYTES = 255;
// 0001-01-01T00:00:00Z. Earlier instants need "BC" in PostgreSQL, which RFC 3339 does not have. Protobuf's timestamps
// begin here too.
const FIRST_INSTANT_MS = -62_135_596_800_000;
// Temporal silently cuts timers at 100 years, that is, it fires them early. Twenty years leave room for any real
// deadline.
export const HORIZON_MS = 20 * 365.25 * 86_400_000;

/** Thrown at the edge, before anything is stored or started. */
export class MessageError extends Error {
  override readonly name = 'MessageError';
  readonly code: RefusalCode;
  readonly field: string;

  constructor({ code, field, message }: Refusal) {
    super(`${field}: ${message}`);
    this.code = code;
    this.field = field;
  }
}

/** Throws a `MessageError` if there is a refusal. */
export function admit(refusal: Refusal | undefined): void {
  if (refusal) throw new MessageError(refusal);
}

/** Checks topic, tenant and key. They become the workflow id and search attributes. */
export function refuseRef(ref: MessageRef): Refusal | undefined {
  for (const field of ['topic', 'tenant', 'key'] as const) {
    const part: unknown = ref?.[field];
    if (typeof part !== 'string' || !PART.test(part)) {
      return { code: FIELD_CODES[field], field, message: 'must be one or more of A-Z a-z 0-9 . _ -' };
    }
  }
  if (workflowIdOf(ref).length > MAX_ID_BYTES) {
    return { code: 'idTooLong', field: 'key', message: `the workflow id would be longer than ${MAX_ID_BYTES} bytes` };
  }
  return undefined;
}

/** Checks a due time in epoch ms. The past is allowed: such a message is delivered at once and marked late. */
export function refuseDueAt(dueAt: unknown, nowMs: number): Refusal | undefined {
  const field = 'dueAt';
  if (typeof dueAt !== 'number' || !Number.isSafeInteger(dueAt) || dueAt < FIRST_INSTANT_MS || dueAt > 8.64e15) {
    return { code: FIELD_CODES.dueAt, field, message: 'must be a whole number of epoch milliseconds, from the year 1' };
  }
  if (dueAt > nowMs + HORIZON_MS) {
    return { code: 'dueAtTooFar', field, message: 'must be at most 20 years ahead' };
  }
  return undefined;
}

/** Checks a lead in ms: how long before its due time a message may wake. */
export function refuseLead(leadMs: unknown): Refusal | undefined {
  if (typeof leadMs === 'number' && leadMs >= 0 && leadMs <= MAX_LEAD_MS) return undefined;
  return { code: FIELD_CODES.leadMs, field: 'leadMs', message: 'must be a number of milliseconds from 0 to a day' };
}

/** Checks a cycle: 1, 2, 3 …, within PostgreSQL's integer. */
export function refuseCycle(cycle: unknown, field = 'cycle'): Refusal | undefined {
  if (Number.isInteger(cycle) && (cycle as number) >= 1 && (cycle as number) <= 2_147_483_647) return undefined;
  return { code: FIELD_CODES.cycle, field, message: 'must be a whole number from 1' };
}

/** Checks a command's id. A repeat is recognised by it. It is also Temporal's update id, and a column of the ledger. */
export function refuseCommandId(commandId: unknown): Refusal | undefined {
  if (typeof commandId === 'string' && /^[\x21-\x7e]{1,128}$/.test(commandId)) return undefined;
  return { code: FIELD_CODES.commandId, field: 'commandId', message: 'must be 1 to 128 visible ASCII characters' };
}

/**
 * Checks JSON for text that PostgreSQL cannot store: NUL, or half of a surrogate pair. JSON writes each as an escape,
 * after an even number of backslashes.
 */
export function refuseUnstorable(json: string): Refusal | undefined {
  if (!/(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/.test(json)) return undefined;
  return {
    code: FIELD_CODES.payload,
    field: 'payload',
    message: 'must have no NUL and no lone surrogate in its texts',
  };
}
