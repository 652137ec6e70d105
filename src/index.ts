// The package's public face: producers, topics and listeners import from here. HTTP routes of an installation import
// from ./routes; its processes are ./worker, ./http, ./cli and ./prepare-database. Deeper paths may change with any
// release. Nothing here loads the worker: producers and the command line would wait for its native part.

export { MessageError } from './admission';
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
export { type Consumer, defineConsumer, type StreamedEvent } from './consumer';
export type { MessageRef } from './contract';
export { inTransaction, type Queryable } from './database';
export { defineTopic } from './define-topic';
export type { InstantInput } from './due-time';
export { defineEvent, type EventOrigin, type EventType, instant, newEvent } from './event-types';
export { forwardTopic } from './forward/forward-topic';
export type { Application } from './http/application';
export type { Installation } from './installation';
export type { SchemaMigrations } from './migrate';
export { appendEvents, type PostdateEvent } from './outbox';
export { messageOf, type Post, type ScheduleOptions } from './post';
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
} from './topic';
