// What a producer calls: with a Temporal client, or within its own database transaction (…In).

export { cancel, move } from './cancel-and-move';
export { cancelIn, moveIn, scheduleIn } from './dispatch/in-transaction';
export { describe, list } from './lookup';
export { type ScheduleAnswer, schedule } from './schedule';
