import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common/lib/search-attributes';
import { defineQuery } from '@temporalio/workflow';
import type { AppliedCommand, CancelCommand, MoveCommand } from './commands';
import type { Decision, Ending } from './decision';
import { STABLE } from './lane-name';

/** The optional fields of a post, beside due time, payload and series. optional-fields.ts has their schemas. */
export interface OptionalFields {
  /** In ms. A message that is later than this is skipped and not delivered. Absent: the topic's setting. */
  staleAfterMs?: number;
  /** True: it may be due before the year 2000. Otherwise such a due time is refused: it is in seconds, by mistake. */
  dueBefore2000?: boolean;
}

/**
 * A message to the future, as Temporal stores it for years: only ever add optional fields. `dueAt` is in epoch ms.
 * `cycle` (1, 2, 3 …) rises each time the same message is used again.
 */
export interface ScheduledMessage<Payload = unknown> extends OptionalFields {
  v: 1;
  topic: string;
  tenant: string;
  key: string;
  cycle: number;
  dueAt: number;
  /** How many ms before its due time it may wake. Absent, as in starts by other languages: it wakes when it is due. */
  leadMs?: number;
  payload: Payload;
  /** The version of the topic's payload. Absent: 1. */
  payloadVersion?: number;
  repeat?: Repeat;
  /** The trace in which it was posted, as a W3C traceparent. Absent without tracing. */
  traceparent?: string;
  /** Cycles up to the present one that were no due time of its post: moved ones, and those of earlier posts. Absent: 0. */
  uncountedCycles?: number;
  /** Many others are due at its instant: workers fetch it by sets, and wake it after its landing. Absent: it wakes by itself. */
  inBurst?: boolean;
  /** Workers fetch it by sets though it is in no burst, and wake it after its landing. Absent: it wakes by itself. */
  bySets?: boolean;
  /** The command that posted it under the next free cycle. Absent: the producer named the cycle. */
  postId?: string;
}

/** What becomes of missed cycles: one delivery for all of them, none, or one for each. */
export const MISSED = ['once', 'skip', 'all'] as const;

/**
 * How a message repeats after each of its cycles: `every` as an ISO 8601 duration, or by `cron`, in the calendar of an
 * IANA `zone` (default UTC). Instants are epoch ms. The next due time is computed outside of workflows.
 */
export interface Repeat {
  every?: string;
  cron?: string;
  zone?: string;
  /** No cycle is due after it. */
  until?: number;
  /** The number of cycles in all. Moves do not count. */
  maxCycles?: number;
  /** Default `once`. */
  missed?: (typeof MISSED)[number];
  /** The first due time. Months and days are counted from it. */
  startAt: number;
  /** The present cycle's place in the series, even if the cycle was moved. */
  at: number;
  /** Cycles done before the present one. */
  done: number;
}

/**
 * A message on its way to be landed. `late`: it was already due when it was posted. `wakeAt`: when its workflow was to
 * wake, in epoch ms; absent if it did not sleep.
 */
export interface Delivery {
  message: ScheduledMessage;
  late: boolean;
  wakeAt?: number;
  /** True if the workflow accepts a lane's name as the answer. Absent in calls by workers of earlier releases. */
  knowsLanes?: boolean;
  /** The lane that did not land it: from now on stable lands it. */
  cameBackFrom?: string;
  /** Why it is in its present lane. */
  laneReason?: string;
}

/** The answer in place of a decision: the topic's rules give the message to this lane's workers. */
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

/** The task queue of the workflows. Its workers carry no business logic. */
export const WORKFLOW_TASK_QUEUE = 'postdate';

/**
 * The task queue of a topic's deliveries: releasing a consumer never touches a sleeping workflow. A lane other than
 * stable has a queue of its own. `@` cannot occur in a topic's name.
 */
export const deliveryTaskQueue = (topic: string, lane?: string): string =>
  lane === undefined || lane === STABLE ? `postdate.${topic}` : `postdate.${topic}@${lane}`;

/** What a topic's workers do for the workflow. Each activity returns the ledger's decision on the message's cycle. */
export interface LedgerActivities {
  deliver(input: Delivery): Promise<Decision | InLane>;
  cancel(input: { message: ScheduledMessage; command: CancelCommand }): Promise<Decision>;
  move(input: { message: ScheduledMessage; command: MoveCommand & { dueAt: number } }): Promise<Decision>;
}

/** The answer to the `message` query. */
export interface MessageView {
  message: ScheduledMessage;
  state: 'waiting' | 'held' | 'ended';
  ending?: Ending;
  refusals: number;
  lastRefusal?: string;
  lastCommand?: AppliedCommand;
}

export const messageQuery = defineQuery<MessageView>('message');

/** Failure types on the wire. Renaming one breaks the callers that match on it. */
export const errorNames = {
  invalidMessage: 'PostdateInvalidMessage',
  deliveryFailed: 'PostdateDeliveryFailed',
  notDue: 'PostdateNotDue',
  handedBack: 'PostdateHandedBack',
  laneFailed: 'PostdateLaneFailed',
} as const;

/** For operators' lists only. No decision depends on them, because visibility lags behind. */
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
