import type { Pool } from 'pg';
import type { CancelCommand, Decision, MoveCommand, ScheduledMessage } from '../contract';
import type { Topic } from '../topic';
import { createDeliver } from './deliver';
import { createWithdraw } from './withdraw';

/** What a topic's workers do for the scheduler. Each returns the ledger's decision on the message's cycle. */
export interface LedgerActivities {
  deliver(input: { message: ScheduledMessage; late: boolean }): Promise<Decision>;
  cancel(input: { message: ScheduledMessage; command: CancelCommand }): Promise<Decision>;
  move(input: { message: ScheduledMessage; command: MoveCommand & { dueAt: number } }): Promise<Decision>;
}

/** The activities of one topic, on the database where its ledger and its business rows commit together. */
export const createActivities = (deps: { pool: Pool; topic: Topic }): LedgerActivities => ({
  deliver: createDeliver(deps),
  ...createWithdraw(deps),
});
