import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { schedule } from '../../src/client';
import { closedLoop } from '../harness/closed-loop';
import type { BenchContext } from '../harness/context';
import type { requestExpiry } from '../harness/request-expiry';

export interface Posted {
  tenant: string;
  key: string;
  dueAt: number;
}

const POSTS_AT_A_TIME = 20;
const WARM_UP = { tenant: 'warm', count: 200, dueInMs: 10_000 };

/** Posts messages that go straight to the hold, and sees by Postdate's own tables what has become of them. */
export function holding({ database }: BenchContext, client: Client, topic: ReturnType<typeof requestExpiry>) {
  async function count(text: string, tenant: string): Promise<number> {
    const { rows } = await database.pool.query<{ count: number }>(`select count(*)::int as count from ${text}`, [
      topic.name,
      tenant,
    ]);
    return rows[0]?.count ?? 0;
  }
  const landed = (tenant: string) => count('postdate.delivery where topic = $1 and tenant = $2', tenant);
  const held = (tenant: string) => count('postdate.held where topic = $1 and tenant = $2', tenant);
  const told = (tenant: string) =>
    count(`postdate.outbox where aggregatetype = $1 and aggregateid like $2 || '/%'`, tenant);

  /** Promises how many a second were posted and held, when all are. */
  async function post(messages: Posted[]): Promise<number> {
    const startedAt = Date.now();
    await closedLoop({ count: messages.length, concurrency: POSTS_AT_A_TIME }, (index) => {
      const { tenant, key, dueAt } = messages[index] as Posted;
      return schedule(client, { topic, tenant, key, dueAt, payload: {} });
    });
    for (const tenant of new Set(messages.map((message) => message.tenant))) {
      const wanted = messages.filter((message) => message.tenant === tenant).length;
      // What was due before the others were held has landed: it is not waited for, and the caller sees that it is late.
      while ((await held(tenant)) + (await landed(tenant)) < wanted) await pause(250);
    }
    return messages.length / ((Date.now() - startedAt) / 1_000);
  }

  return {
    post,
    landed,
    told,
    /** Messages about no request at all, so that the rate of the others can be told beforehand; waits until they landed. */
    async warmUp(): Promise<number> {
      const dueAt = Date.now() + WARM_UP.dueInMs;
      const keys = Array.from({ length: WARM_UP.count }, (_, index) => `none.${index}`);
      const perSecond = await post(keys.map((key) => ({ tenant: WARM_UP.tenant, key, dueAt })));
      while ((await landed(WARM_UP.tenant)) < WARM_UP.count) await pause(250);
      return perSecond;
    },
  };
}
