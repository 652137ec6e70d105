import type { Contender } from './contender';
import { batchUpdate } from './contenders/batch-update';
import { bullmq } from './contenders/bullmq';
import { graphileWorker } from './contenders/graphile-worker';
import { pgBoss, pgBossBatch } from './contenders/pg-boss';
import { postdate, postdatePlain, postdateRows } from './contenders/postdate';
import { retryDelay } from './contenders/retry-delay';
import { schedules } from './contenders/schedules';
import { sleepActivity } from './contenders/sleep-activity';
import { sleepLocalActivity } from './contenders/sleep-local-activity';
import { standaloneActivity } from './contenders/standalone-activity';
import { startDelay } from './contenders/start-delay';

/** All contenders in the order of their turns. */
export const field: Contender[] = [
  postdate,
  postdatePlain,
  postdateRows,
  batchUpdate,
  pgBoss,
  pgBossBatch,
  graphileWorker,
  bullmq,
  sleepActivity,
  sleepLocalActivity,
  startDelay,
  retryDelay,
  standaloneActivity,
  schedules,
];
