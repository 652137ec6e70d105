import type { PoolClient } from 'pg';
import { z } from 'zod';
import type { ScheduledMessage } from '../message/contract';
import type { InstantInput } from '../message/due-time';
import { refuseInexact } from '../message/exact-json';
import type { Refusal } from '../message/refusal';
import { MAX_PAYLOAD_BYTES, refusePayloadSize } from '../message/size';
import { runForeign } from '../platform/telemetry/foreign-code';
import type { EventOrigin, EventType } from './event-types';

/** Which messages of a topic workers fetch by sets. */
export const BY_SETS = ['bursts', 'always'] as const;

/** The landing's transaction. Effects made and events emitted here commit with the ledger's row, or not at all. */
export interface LandingTransaction {
  query: PoolClient['query'];
  /** Emits an event to all listeners. At most one event of a type per cycle: its id derives from the two. */
  emit(type: string, data: Record<string, unknown>): Promise<void>;
}

/** A landing's transaction for a group of messages. `emit` emits any number of events in one statement. */
export interface GroupTransaction {
  query: PoolClient['query'];
  emit(events: { message: EventOrigin; type: string; data: Record<string, unknown> }[]): Promise<void>;
}

/**
 * The message that a handler is given. `late`: it was already due when it was posted. `dueAt` is in epoch ms. `occurrence`:
 * which due time of its post it is, 1, 2, 3 …; unlike the cycle, a move leaves it as it is.
 */
export type DueMessage<Payload> = ScheduledMessage<Payload> & { late: boolean; occurrence: number };

/**
 * `again` opens the next cycle at `dueAt`. `skip` says there was nothing to do, for example already paid. `last` ends a
 * repeating message.
 */
export type HandlerAnswer =
  | { do: 'done'; last?: boolean }
  | { do: 'again'; dueAt: InstantInput }
  | { do: 'skip'; reason: string; last?: boolean };

/** The rows of one table that belong to one message. `where` must name them by columns that never change. */
export interface ObservedRows {
  table: string;
  where: string;
}

/** A kind of message, declared by its consumer. Producers need only its name and payload schema. */
export interface Topic<Schema extends z.ZodType = z.ZodType> {
  name: string;
  payload: Schema;
  /** Throws `PermanentFailure` to end the cycle as failed. After any other error it is tried again without end. */
  handle(tx: LandingTransaction, message: DueMessage<z.output<Schema>>): Promise<HandlerAnswer>;
  /**
   * The same as `handle` for a group due at one time, set-based: one statement for hundreds. Returns one answer per
   * message, in their order. No two of them are cycles of one message. If it throws, its effects are rolled back, and each
   * message of the group is handled by itself.
   */
  landAll?(tx: GroupTransaction, messages: DueMessage<z.output<Schema>>[]): Promise<HandlerAnswer[]>;
  /**
   * How many ms before its due time a message may wake, so that all messages of a burst are awake when they are due.
   * Default 10 s.
   */
  leadMs?: number;
  /**
   * Which messages workers fetch by sets before they are due, many with each request, while their workflows sleep on: those in
   * `bursts`, or `always` all that have a row or fit into a memo. `always` costs Temporal fewer tasks for each message. While its
   * list is away, such messages of a topic without rows land up to five seconds late. Default `bursts`.
   */
  bySets?: (typeof BY_SETS)[number];
  /**
   * A message that is due so many ms ahead or more starts with Temporal's start delay: no worker is asked until it wakes. Until then a
   * plain signal waits, and only `cancel` and `move`, which are updates, are obeyed at once. Default: none.
   */
  startDelayFromMs?: number;
  /** The most landings per second, over all workers of a database. Further messages land later. Default: no limit. */
  landingsPerSecond?: number;
  /** How many ms a handler may take. After that it counts as hanging, and its transaction is aborted. Default 10 s. */
  handlerTimeoutMs?: number;
  /**
   * In ms. A message that is later than this is skipped as `stale`, with an event, and not delivered. Default: never.
   */
  staleAfterMs?: number;
  /**
   * One `select` of the business rows behind the messages: `tenant`, `key`, `cycle`, `due_at`, `payload` (in its
   * present version), `waits` (its message must be waiting), `told` (the type of the event that reports the handler's
   * effect, null before the effect). With it the sweep lands overdue rows without Temporal, rows and messages are
   * reconciled, and the audit compares rows, ledger and events. Not for messages that `repeat`: a row does not say how.
   */
  businessRows?: string;
  /**
   * The rows that the handler may change for one message, which a shadow lane compares: `table` with its schema,
   * `where` with `$1` for the tenant and `$2` for the key, both text. Without it only answers and events are compared.
   */
  observed?: ObservedRows[];
  /**
   * Names that differ at each run and that a shadow's comparisons leave out: columns, fields of events' data at any
   * depth, `reason` and `nextDueAt` of the answer.
   */
  volatile?: string[];
  /** The events about its messages, from any emitter. `npm run asyncapi` describes them. */
  events?: EventType[];
  /** Set by `forwardTopic`: the due message itself is the event, and its consumer answers. */
  forward?: { answerWithinMs?: number };
  /** The present version of the payload: 2, 3 … once it has changed. Default 1. */
  payloadVersion?: number;
  /** Convert payloads of older versions into the next one: the first from 1 to 2, and so on. Pure functions. */
  upcasts?: ((payload: unknown) => unknown)[];
}

export const done: HandlerAnswer = { do: 'done' };
export const again = (dueAt: InstantInput): HandlerAnswer => ({ do: 'again', dueAt });
export const skip = (reason: string): HandlerAnswer => ({ do: 'skip', reason });

/** No retry can help: the cycle ends as `failed`, with this reason in the ledger and in the Web UI. */
export class PermanentFailure extends Error {
  override readonly name = 'PermanentFailure';
}

/** Why this is not a topic to post to. A bare name, for example, has no payload schema. */
export function refuseTopic(topic: unknown): Refusal | undefined {
  const { name, payload } = (topic ?? {}) as Partial<Topic>;
  if (typeof name === 'string' && typeof payload?.safeParse === 'function') return undefined;
  return { code: 'unknownTopic', field: 'topic', message: 'must be a topic, as defineTopic returns it' };
}

/** Why a payload is refused: JSON does not carry it, it does not match the topic's schema, or it is too large. */
export function refusePayload(topic: Pick<Topic, 'payload'>, payload: unknown): Refusal | undefined {
  const field = 'payload';
  const inexact = refuseInexact(payload, MAX_PAYLOAD_BYTES);
  if (inexact) return inexact;
  const parsed = runForeign({ part: 'schema' }, () => topic.payload.safeParse(payload));
  if (!parsed.success) return { code: 'invalidPayload', field, message: z.prettifyError(parsed.error) };
  return refusePayloadSize(payload);
}
