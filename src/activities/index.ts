import type { Pool } from 'pg';
import type { LedgerActivities } from '../contract';
import type { Topic } from '../topic';
import { createDeliver } from './deliver';
import { createWithdraw } from './withdraw';

/** The activities of one topic, on the database where its ledger and its business rows commit together. */
export const createActivities = (deps: { pool: Pool; topic: Topic }): LedgerActivities => ({
  deliver: createDeliver(deps),
  ...createWithdraw(deps),
});
