// The package's public face: producers, topics and listeners import from here. HTTP routes of an installation import
// from ./http/application-routes; its processes are ./worker, ./http/start, ./cli/main and ./process/prepare-database.
// Deeper paths may change with any release. Nothing here loads the worker: producers and the command line would wait for
// its native part.

export {
  cancel,
  cancelIn,
  describe,
  list,
  move,
  moveIn,
  type ScheduleAnswer,
  schedule,
  scheduleIn,
} from './client';
export { recordAnswer } from './events/answers/answer';
export { type Consumer, defineConsumer, replayFrom } from './events/consumer';
export { appendEvents, type PostdateEvent } from './events/outbox';
export { readStream, type StreamedEvent } from './events/stream';
export type { Application } from './http/application';
export { MessageError } from './message/admission';
export type { MessageRef } from './message/contract';
export type { InstantInput } from './message/due-time';
export type { SchemaMigrations } from './platform/database/migrate';
export { inTransaction, type Queryable } from './platform/database/pool';
export type { Installation } from './process/installation';
export { OvertakenError } from './producing/overtaken-error';
export { messageOf, type Post, type ScheduleOptions } from './producing/post';
export { defineTopic } from './topics/define-topic';
export { defineEvent, type EventOrigin, type EventType, instant, newEvent } from './topics/event-types';
export { forwardTopic } from './topics/forward-topic';
export {
  again,
  type DueMessage,
  done,
  type GroupTransaction,
  type HandlerAnswer,
  type LandingTransaction,
  PermanentFailure,
  skip,
  type Topic,
} from './topics/topic';
