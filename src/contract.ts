import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common/lib/search-attributes';
import { defineQuery } from '@temporalio/workflow';
import type { AppliedCommand, CancelCommand, MoveCommand } from './commands';
import type { Decision, Ending } from './decision';

/** What a producer may say of a message beside its due time, payload and series; optional-fields.ts has what each may be. */
export interface OptionalFields {
  /** Later than this it is not delivered any more, but skipped. Absent: what its topic says. */
  staleAfterMs?: number;
}

/**
 * A message to the future, as it lies in Temporal for years: only ever add optional fields.
 * `dueAt` is epoch milliseconds; `cycle` (1, 2, 3 …) rises each time the same message is used again.
 */
export interface ScheduledMessage<Payload = unknown> extends OptionalFields {
  v: 1;
  topic: string;
  tenant: string;
  key: string;
  cycle: number;
  dueAt: number;
  /** How long before it is due it may wake. Absent, as in what other languages start: it wakes when it is due. */
  leadMs?: number;
  payload: Payload;
  /** Which form of the topic's payload this is. Absent: the first. */
  payloadVersion?: number;
  repeat?: Repeat;
  /** The trace in which it was posted, in W3C's form. Absent where nobody traces. */
  traceparent?: string;
  /** The command that posted it under the next free cycle. Absent: the producer named the cycle. */
  postId?: string;
}

/** What becomes of cycles that were missed: one for all of them, none, or each. */
export const MISSED = ['once', 'skip', 'all'] as const;

/**
 * How a message comes again after each of its cycles: `every` an ISO 8601 duration, or by `cron`, in the calendar of an
 * IANA `zone` (default UTC). Instants are epoch ms. What is next is computed outside of workflows.
 */
export interface Repeat {
  every?: string;
  cron?: string;
  zone?: string;
  /** No cycle is due after it. */
  until?: number;
  /** So many cycles in all; moves make none. */
  maxCycles?: number;
  /** Default `once`. */
  missed?: (typeof MISSED)[number];
  /** The first due time; months and days are counted from it. */
  startAt: number;
  /** The present cycle's place in the series, wherever it was moved to. */
  at: number;
  /** Cycles done before the present one. */
  done: number;
}

/** A message on its way to be landed. `late`: it was already due when it was posted. `wakeAt`: when it was to wake. */
export interface Delivery {
  message: ScheduledMessage;
  late: boolean;
  wakeAt?: number;
  /** Whoever asks for it takes a lane's name for an answer. Absent in what workers of earlier releases ask for. */
  knowsLanes?: boolean;
  /** The lane that did not land it: from now on it is for stable. */
  cameBackFrom?: string;
  /** Why it is in the lane that has it. */
  laneReason?: string;
}

/** Instead of a decision: by the topic's rules this lane's workers land it. */
export interface InLane {
  lane: string;
}

/** Names one message over all its cycles. */
export type MessageRef = Pick<ScheduledMessage, 'topic' | 'tenant' | 'key'>;

/** The workflow id: one entity, one workflow. `:` cannot occur in a part, so no two messages share an id. */
export const workflowIdOf = ({ topic, tenant, key }: MessageRef): string => `postdate:${topic}:${tenant}:${key}`;

/** Names one cycle of one message. */
export const deliveryIdOf = ({ message }: { message: MessageRef & { cycle: number } }): string =>
  `${workflowIdOf(message)}#${message.cycle}`;

/** Workflows run here; the workers that poll it carry no business logic. */
export const WORKFLOW_TASK_QUEUE = 'postdate';

/**
 * A topic's deliveries run here, so releasing a consumer never touches a sleeping workflow; those of a lane other than
 * stable on a queue of its own. `@` cannot occur in a topic's name.
 */
export const deliveryTaskQueue = (topic: string, lane?: string): string =>
  lane === undefined || lane === 'stable' ? `postdate.${topic}` : `postdate.${topic}@${lane}`;

/** What a topic's workers do for the scheduler. Each answers with the ledger's decision on the message's cycle. */
export interface LedgerActivities {
  deliver(input: Delivery): Promise<Decision | InLane>;
  cancel(input: { message: ScheduledMessage; command: CancelCommand }): Promise<Decision>;
  move(input: { message: ScheduledMessage; command: MoveCommand & { dueAt: number } }): Promise<Decision>;
}

/** What the `message` query shows. */
export interface MessageView {
  message: ScheduledMessage;
  state: 'waiting' | 'held' | 'ended';
  ending?: Ending;
  refusals: number;
  lastRefusal?: string;
  lastCommand?: AppliedCommand;
}

export const messageQuery = defineQuery<MessageView>('message');

/** Failure types on the wire. Renaming one breaks whoever matches on it. */
export const errorNames = {
  invalidMessage: 'PostdateInvalidMessage',
  deliveryFailed: 'PostdateDeliveryFailed',
  notDue: 'PostdateNotDue',
  handedBack: 'PostdateHandedBack',
  laneFailed: 'PostdateLaneFailed',
} as const;

/** For operators' lists only; nothing is decided by them, because visibility lags behind. */
export const searchAttributes = {
  topic: defineSearchAttributeKey('PostdateTopic', SearchAttributeType.KEYWORD),
  tenant: defineSearchAttributeKey('PostdateTenant', SearchAttributeType.KEYWORD),
  key: defineSearchAttributeKey('PostdateKey', SearchAttributeType.KEYWORD),
  dueAt: defineSearchAttributeKey('PostdateDueAt', SearchAttributeType.DATETIME),
} as const;

/** The whole set, given at start and at every continue-as-new (which replaces the set). */
export const searchAttributesOf = (message: MessageRef & { dueAt: number }) => [
  { key: searchAttributes.topic, value: message.topic },
  { key: searchAttributes.tenant, value: message.tenant },
  { key: searchAttributes.key, value: message.key },
  { key: searchAttributes.dueAt, value: new Date(message.dueAt) },
];
