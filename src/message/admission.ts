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
const YEAR_2000_MS = Date.UTC(2000, 0, 1);
/** The largest cycle that the ledger can hold: PostgreSQL's integer. */
export const MAX_CYCLE = 2_147_483_647;
/** The largest cycle that a caller can name. Each move, each "again" and each place in a series takes the next one. */
export const MAX_NAMED_CYCLE = 2_000_000_000;

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

/** Checks an instant in epoch ms: from the year 1 to twenty years ahead. */
export function refuseInstant(dueAt: unknown, nowMs: number): Refusal | undefined {
  const field = 'dueAt';
  if (typeof dueAt !== 'number' || !Number.isSafeInteger(dueAt) || dueAt < FIRST_INSTANT_MS || dueAt > 8.64e15) {
    return { code: FIELD_CODES.dueAt, field, message: 'must be a whole number of epoch milliseconds, from the year 1' };
  }
  if (dueAt > nowMs + HORIZON_MS) {
    return { code: 'dueAtTooFar', field, message: 'must be at most 20 years ahead' };
  }
  return undefined;
}

/**
 * Checks the due time of a post or a move, in epoch ms. The past is allowed: such a message is delivered at once and
 * marked late. An instant before the year 2000 is allowed only with `dueBefore2000`, because seconds that are taken for
 * milliseconds are in 1970.
 */
export function refuseDueAt(
  { dueAt, dueBefore2000 }: { dueAt: unknown; dueBefore2000?: unknown },
  nowMs: number,
): Refusal | undefined {
  const refusal = refuseInstant(dueAt, nowMs);
  if (refusal || (dueAt as number) >= YEAR_2000_MS || dueBefore2000 === true) return refusal;
  const message = 'must not be before the year 2000: it is in milliseconds, and dueBefore2000 allows earlier ones';
  return { code: 'dueAtTooEarly', field: 'dueAt', message };
}

/** What to ask for with an instant that was checked where its type has no mistaken unit, as in a row of PostgreSQL. */
export const askingForYearOf = (dueAt: number): { dueBefore2000?: true } =>
  dueAt < YEAR_2000_MS ? { dueBefore2000: true } : {};

/** Checks a lead in ms: how long before its due time a message may wake. */
export function refuseLead(leadMs: unknown): Refusal | undefined {
  if (typeof leadMs === 'number' && leadMs >= 0 && leadMs <= MAX_LEAD_MS) return undefined;
  return { code: FIELD_CODES.leadMs, field: 'leadMs', message: 'must be a number of milliseconds from 0 to a day' };
}

/** Checks a cycle: 1, 2, 3 …, within PostgreSQL's integer. */
export function refuseCycle(cycle: unknown, field = 'cycle'): Refusal | undefined {
  if (Number.isInteger(cycle) && (cycle as number) >= 1 && (cycle as number) <= MAX_CYCLE) return undefined;
  return { code: FIELD_CODES.cycle, field, message: `must be a whole number from 1 to ${MAX_CYCLE}` };
}

/** Checks a cycle that a caller names in a post or a move. It leaves room for the cycles that follow. */
export function refuseNamedCycle(cycle: unknown): Refusal | undefined {
  const refusal = refuseCycle(cycle);
  if (refusal === undefined && (cycle as number) <= MAX_NAMED_CYCLE) return undefined;
  return { code: FIELD_CODES.cycle, field: 'cycle', message: `must be a whole number from 1 to ${MAX_NAMED_CYCLE}` };
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
