import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { withClient } from '../../local/databases';
import { TENANT } from '../checks/evidence';
import type { Plan } from '../plan/plan';
import { type DiaryLine, readLines } from '../programs/diary';
import type { OverdueWatch } from './overdue';

/** How long after the last fault; undefined where it took too long. */
export interface Settled {
  /** Nothing that is due was undecided any more. */
  landedAfterMs?: number;
  /** Every command was answered, everyone had heard everything, and every workflow had come to its end. */
  overAfterMs?: number;
}

// What was posted last is due half a minute later; a killed worker's workflows end a heartbeat timeout and a retry later.
const OVER_LATER_MS = 180_000;

/** Resolves when all is over, or has taken too long: everything overdue has `livenessMs` to land. */
export async function settle(
  plan: Plan,
  run: { databaseUrl: string; client: Client; overdue: OverdueWatch; diaries: string[] },
  livenessMs: number,
): Promise<Settled> {
  const beganAt = Date.now();
  const settled: Settled = {};
  const elapsedMs = () => Date.now() - beganAt;
  while (elapsedMs() < livenessMs + OVER_LATER_MS) {
    if (settled.landedAfterMs === undefined) {
      if ((await run.overdue.now()) === 0) settled.landedAfterMs = elapsedMs();
      else if (elapsedMs() > livenessMs) return settled;
    } else if (await isOver(plan, run).catch(() => false)) return { ...settled, overAfterMs: elapsedMs() };
    await pause(500);
  }
  return settled;
}

async function isOver(
  plan: Plan,
  { databaseUrl, client, diaries }: { databaseUrl: string; client: Client; diaries: string[] },
): Promise<boolean> {
  const planned = plan.producers.flatMap(({ requests, beats }) => [...requests, ...beats]);
  const operations = planned.length + planned.filter(({ command }) => command).length;
  const answered = diaries.flatMap((file) => readLines<DiaryLine>(file)).filter(({ phase }) => phase === 'ok').length;
  if (answered < operations) return false;
  const { rows } = await withClient(databaseUrl, (db) =>
    db.query<{ waiting: number; unheard: number }>(`
      select (select count(*)::int from payments.payment_request where status = 'PENDING') as waiting,
             (select count(*)::int from postdate.outbox where position is null)
               + (select count(*)::int from postdate.consumer, postdate.stream_head
                   where consumer.position < stream_head.position) as unheard`),
  );
  if (rows[0]?.waiting !== 0 || rows[0].unheard !== 0) return false;
  const open = await client.workflow.count(
    `WorkflowType = 'scheduledMessage' and ExecutionStatus = 'Running' and PostdateTenant = '${TENANT}'`,
  );
  return open.count === 0;
}
