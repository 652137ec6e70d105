// What a producer calls: with a Temporal client, or within its own database transaction (…In).

export { cancel, move } from './producing/cancel-and-move';
export { cancelIn, moveIn, scheduleIn } from './producing/in-transaction';
export { describe, list } from './producing/lookup';
export { type ScheduleAnswer, schedule } from './producing/schedule';
