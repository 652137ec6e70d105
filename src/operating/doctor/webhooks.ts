import type { Pool } from 'pg';
import { listWebhooks } from '../../events/webhooks/list';
import { WEBHOOKS_CONSUMER } from '../../events/webhooks/queue';
import { type Check, type Found, fail, ok, warn } from './finding';

// Workers queue events for webhooks with every hint.
const LATE_S = 60;
const LIST = 'postdate webhooks list';

export const WEBHOOK_CHECKS = ['webhooks'];

/** Checks that webhooks receive their events. */
export const webhookChecks = (pool: Pool): Check[] => [{ name: 'webhooks', run: () => checkWebhooks(pool) }];

async function checkWebhooks(pool: Pool): Promise<Found> {
  const all = await listWebhooks(pool);
  if (all.length === 0) return ok('none');
  const lateS = await readQueueLagS(pool);
  if (lateS > LATE_S)
    return fail(`events wait to be queued, for ${Math.round(lateS)} s`, 'start a worker, which sends them');
  const disabled = all.filter(({ disabledAt }) => disabledAt !== undefined);
  const failing = all.filter((one) => one.failingSince !== undefined && one.disabledAt === undefined);
  const givenUp = all.filter(({ failed }) => failed > 0);
  const ill = [
    ...failing.map(({ id, failingSince }) => `${id} fails since ${failingSince}`),
    ...disabled.map(({ id, disabledReason }) => `${id} is disabled: ${disabledReason}`),
    ...givenUp.map(({ id, failed }) => `${failed} deliveries to ${id} were given up`),
  ];
  if (ill.length > 0) return warn(ill.join('; '), `${LIST}, and for one of them: postdate webhooks deliveries <id>`);
  const waiting = all.reduce((sum, one) => sum + one.waiting, 0);
  return ok(`${all.length} enabled, ${waiting} events wait`);
}

/** For how many seconds the first event that is not yet queued for webhooks has been in the stream. */
async function readQueueLagS(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ late_s: number }>(
    `select extract(epoch from clock_timestamp() - relayed_at)::float8 as late_s from postdate.outbox
      where position > (select position from postdate.consumer where name = $1) order by position limit 1`,
    [WEBHOOKS_CONSUMER],
  );
  return rows[0]?.late_s ?? 0;
}
