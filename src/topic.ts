import type { PoolClient } from 'pg';
import { z } from 'zod';
import { type Refusal, refuseUnstorable } from './admission';
import type { ScheduledMessage } from './contract';
import type { InstantInput } from './due-time';
import type { EventOrigin, EventType } from './event-types';

// A message carries ids and what is needed to act on them; documents belong in the business's own tables.
const MAX_PAYLOAD_BYTES = 16 * 1024;

/** The landing's transaction: effects made and events emitted here commit with the ledger's row, or not at all. */
export interface LandingTransaction {
  query: PoolClient['query'];
  /** Tells everyone who listens; at most one event of a type per cycle, as its id derives from the two. */
  emit(type: string, data: Record<string, unknown>): Promise<void>;
}

/** A landing's transaction for a group of messages; `emit` tells of any number of them in one statement. */
export interface GroupTransaction {
  query: PoolClient['query'];
  emit(events: { message: EventOrigin; type: string; data: Record<string, unknown> }[]): Promise<void>;
}

/** What a handler is given. `late`: it was already due when it was posted. `dueAt` in epoch ms. */
export type DueMessage<Payload> = ScheduledMessage<Payload> & { late: boolean };

/**
 * `again` opens the next cycle at `dueAt`; `skip` says there was nothing to do, for example already paid. `last` ends a
 * repeating message.
 */
export type HandlerAnswer =
  | { do: 'done'; last?: boolean }
  | { do: 'again'; dueAt: InstantInput }
  | { do: 'skip'; reason: string; last?: boolean };

/** Rows of one table that belong to one message, whatever becomes of them: `where` names them by what does not change. */
export interface ObservedRows {
  table: string;
  where: string;
}

/** A kind of message, declared by its consumer. Producers need only its name and payload schema. */
export interface Topic<Schema extends z.ZodType = z.ZodType> {
  name: string;
  payload: Schema;
  /** Throws `PermanentFailure` to end the cycle as failed; anything else it throws is tried again without end. */
  handle(tx: LandingTransaction, message: DueMessage<z.output<Schema>>): Promise<HandlerAnswer>;
  /**
   * The same as `handle` for a group due at one time, set-based: one statement for hundreds. Returns one answer per
   * message, in their order. When it throws, nothing of it stays, and each message of the group is handled by itself.
   */
  landAll?(tx: GroupTransaction, messages: DueMessage<z.output<Schema>>[]): Promise<HandlerAnswer[]>;
  /** How long before it is due a message may wake, so that a burst has all woken when it is due. Default 10 s. */
  leadMs?: number;
  /** At most so many landings per second, over all workers of a database; the rest land later. Default: no limit. */
  landingsPerSecond?: number;
  /** How long a handler may take before it counts as hanging, and its transaction is broken off. Default 10 s. */
  handlerTimeoutMs?: number;
  /** Later than this a message is not delivered but skipped as `stale`, with an event. Default: never. */
  staleAfterMs?: number;
  /**
   * One `select` of the business rows behind the messages: `tenant`, `key`, `cycle`, `due_at`, `payload` (in its present
   * form), `waits` (its message must be waiting), `told` (the type of the event that tells of the handler's effect, null as
   * long as it has had none). With it the sweep lands what is overdue without Temporal, rows and messages are reconciled,
   * and the audit compares rows, ledger and events. Not for messages that `repeat`: a row does not say how.
   */
  businessRows?: string;
  /**
   * The rows that its handler may change for one message, which a shadow lane compares: `table` with its schema, `where` with
   * `$1` for the tenant and `$2` for the key, both text. Without it only answers and events are compared.
   */
  observed?: ObservedRows[];
  /**
   * Names of what differs at each run and is left out of a shadow's comparisons: columns, fields of events' data at any depth,
   * `reason` and `nextDueAt` of the answer.
   */
  volatile?: string[];
  /** The events that tell of its messages, by whomever they are emitted: what `npm run asyncapi` describes. */
  events?: EventType[];
  /** Set by `forwardTopic`: the due message itself is the event, and whoever is given it answers. */
  forward?: { answerWithinMs?: number };
  /** The present form of the payload: 2, 3 … once it has changed. Default 1. */
  payloadVersion?: number;
  /** Turns payloads of older forms into the next one: the first from 1 to 2, and so on. Pure functions. */
  upcasts?: ((payload: unknown) => unknown)[];
}

export const done: HandlerAnswer = { do: 'done' };
export const again = (dueAt: InstantInput): HandlerAnswer => ({ do: 'again', dueAt });
export const skip = (reason: string): HandlerAnswer => ({ do: 'skip', reason });

/** No retry can help: the cycle ends as `failed`, with this reason in the ledger and in the Web UI. */
export class PermanentFailure extends Error {
  override readonly name = 'PermanentFailure';
}

/** Why this is no topic that could be posted to: a bare name, for example, says nothing of its payload. */
export function refuseTopic(topic: unknown): Refusal | undefined {
  const { name, payload } = (topic ?? {}) as Partial<Topic>;
  if (typeof name === 'string' && typeof payload?.safeParse === 'function') return undefined;
  return { code: 'unknownTopic', field: 'topic', message: 'must be a topic, as defineTopic returns it' };
}

/** Why a payload is not let in: not the topic's shape, or too large for a message. */
export function refusePayload(topic: Pick<Topic, 'payload'>, payload: unknown): Refusal | undefined {
  const field = 'payload';
  const parsed = topic.payload.safeParse(payload);
  if (!parsed.success) return { code: 'invalidPayload', field, message: z.prettifyError(parsed.error) };
  let json: string;
  try {
    // Without JSON there is nothing to send; `undefined` becomes null on the way.
    json = JSON.stringify(payload) ?? 'null';
  } catch (error) {
    return { code: 'invalidPayload', field, message: `cannot be written as JSON: ${(error as Error).message}` };
  }
  if (Buffer.byteLength(json) > MAX_PAYLOAD_BYTES) {
    return { code: 'payloadTooLarge', field, message: `must be at most ${MAX_PAYLOAD_BYTES} bytes as JSON` };
  }
  // Who holds the message writes it down.
  return refuseUnstorable(json);
}
