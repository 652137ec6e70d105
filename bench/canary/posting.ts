import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import { schedule } from '../../src/client';
import { STABLE } from '../../src/message/lane-name';
import { closedLoop } from '../harness/closed-loop';
import { heldOf } from './round-records';
import type { Posted } from './round-run';
import { TENANTS } from './rounds';
import { topicOf } from './topic';

const POSTS_AT_A_TIME = 40;
const LOOK_MS = 200;

/** Creates the messages of a round, for all tenants in turn. Their keys begin with the prefix. */
export const messagesOf = (prefix: string, messages: number): Posted[] =>
  Array.from({ length: messages }, (_, nth) => ({
    tenant: TENANTS[nth % TENANTS.length] as string,
    key: `${prefix}${nth}`,
  }));

/**
 * Posts messages, and waits until the workers of their lanes hold all of them: the lane's own for its tenants, stable's
 * for the others. Returns the rate a second; undefined if they were not all held before they were due.
 */
export async function postAndHold(
  { client, pool, leadMs }: { client: Client; pool: Pool; leadMs: number },
  { posted, prefix, dueAt }: { posted: Posted[]; prefix: string; dueAt: number },
  { lane, tenants }: { lane: string; tenants: string[] },
): Promise<number | undefined> {
  const topic = topicOf({ build: 'producer', leadMs });
  const startedAt = Date.now();
  await closedLoop({ count: posted.length, concurrency: POSTS_AT_A_TIME }, (index) =>
    schedule(client, { topic, ...(posted[index] as Posted), dueAt, payload: {} }),
  );
  const inLane = posted.filter(({ tenant }) => tenants.includes(tenant)).length;
  while (Date.now() < dueAt) {
    const held = await heldOf(pool, prefix);
    if ((held[lane] ?? 0) === inLane && held[STABLE] === posted.length - inLane) {
      return posted.length / ((Date.now() - startedAt) / 1_000);
    }
    await pause(LOOK_MS);
  }
  return undefined;
}
