// What a producer calls: with a Temporal client, or within its own database transaction (…In).

export { cancel, move } from './producing/cancel-and-move';
export { describe } from './producing/describe';
export { cancelIn, moveIn, scheduleIn } from './producing/in-transaction';
export { list } from './producing/list';
export { type ScheduleAnswer, schedule } from './producing/schedule';
