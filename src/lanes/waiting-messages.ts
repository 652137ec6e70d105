import { type Client, isGrpcServiceError } from '@temporalio/client';
import type { Pool } from 'pg';
import { PART } from '../admission';
import type { ScheduledMessage } from '../contract';
import { countByTenant, countWaiting } from '../counts';
import { createWaiting } from '../hold/waiting';
import { listPage } from '../lookup';
import { someAtATime } from '../some-at-a-time';
import { hasRows, listUndecidedRows } from '../sweep/business-rows';
import type { Topic } from '../topic';
import type { LaneMatch } from './lane';

/** A message that waits, as far as rules ask of it, or all of a tenant's where they ask for no more than the tenant. */
export type WaitingMessage = Pick<ScheduledMessage, 'topic' | 'tenant' | 'key' | 'payload'> & { messages: number };

/** How much is looked at. What waits beyond it is only counted. */
export interface LookLimits {
  messages: number;
  /** Where each payload is a question of its own to Temporal. */
  payloads: number;
  tenants: number;
}
// Seconds of work for the server beside what it is there for.
export const LOOK_LIMITS: LookLimits = { messages: 10_000, payloads: 1_000, tenants: 200 };
const PAGE = 500;
const AT_A_TIME = 4;
// gRPC's
const NOT_FOUND = 5;

/** Hands over what waits of a topic, up to the limits, as these matches need it; says how many wait if not all were looked at. */
export async function eachWaiting(
  { client, pool }: { client: Client; pool: Pool },
  topic: Topic,
  matches: LaneMatch[],
  use: (message: WaitingMessage) => void,
  { limits = LOOK_LIMITS, asked = () => undefined }: { limits?: LookLimits; asked?(messages: number): void } = {},
): Promise<{ waiting?: number }> {
  const take = (message: WaitingMessage) => {
    use(message);
    asked(message.messages);
  };
  const waitingInAll = () => countWaiting(client, { topic: topic.name });
  const needsPayload = matches.some((match) => 'attribute' in match);
  const all = await (async () => {
    if (needsPayload && hasRows(topic)) return eachRow(pool, topic, limits.messages, take);
    if (needsPayload) return eachPayload(client, topic.name, limits.payloads, take);
    const needsKey = matches.some((match) => 'percent' in match && match.by === 'key');
    if (needsKey || (await waitingInAll()) <= limits.messages)
      return eachRun(client, topic.name, limits.messages, take);
    return eachTenant(client, topic.name, limits.tenants, take);
  })();
  return all ? {} : { waiting: await waitingInAll() };
}

type Take = (message: WaitingMessage) => void;

async function eachRow(pool: Pool, topic: Parameters<typeof listUndecidedRows>[1], limit: number, take: Take) {
  let after = { tenant: '', key: '' };
  for (let looked = 0; looked < limit; looked += PAGE) {
    const page = await listUndecidedRows(pool, topic, { after, limit: Math.min(PAGE, limit - looked) });
    for (const message of page) take({ ...message, messages: 1 });
    const last = page.at(-1);
    if (!last || page.length < PAGE) return page.length < limit - looked;
    after = last;
  }
  return false;
}

async function eachRun(client: Client, topic: string, limit: number, take: Take): Promise<boolean> {
  for await (const runs of pagesOf(client, topic, limit)) {
    if (!runs) return true;
    for (const { tenant, key } of runs) take({ topic, tenant, key, payload: undefined, messages: 1 });
  }
  return false;
}

async function eachPayload(client: Client, topic: string, limit: number, take: Take): Promise<boolean> {
  const { messageOf } = createWaiting(client);
  for await (const runs of pagesOf(client, topic, limit)) {
    if (!runs) return true;
    const errors: unknown[] = [];
    await someAtATime(runs, AT_A_TIME, async (run) => {
      if (errors.length > 0) return;
      try {
        const { payload } = await messageOf(run);
        take({ topic, tenant: run.tenant, key: run.key, payload, messages: 1 });
      } catch (error) {
        // It has ended meanwhile, and is forgotten.
        if (isGrpcServiceError(error) && error.code === NOT_FOUND) return;
        if (isGrpcServiceError(error)) errors.push(error);
        // One that no workflow could use has no attributes, and takes its lane without them.
        else take({ topic, tenant: run.tenant, key: run.key, payload: undefined, messages: 1 });
      }
    });
    if (errors.length > 0) throw errors[0];
  }
  return false;
}

/** The runs that wait, page by page, at most so many; after the last of all, undefined. */
async function* pagesOf(client: Client, topic: string, limit: number) {
  let from: Uint8Array | undefined;
  for (let looked = 0; looked < limit; ) {
    const { messages, next } = await listPage(
      client,
      { topic, state: 'waiting' },
      { limit: Math.min(PAGE, limit - looked), from },
    );
    yield messages;
    looked += messages.length;
    if (!next || messages.length === 0) {
      yield undefined;
      return;
    }
    from = next;
  }
}

async function eachTenant(client: Client, topic: string, limit: number, take: Take): Promise<boolean> {
  const counts = await countByTenant(client, { topic }, { limit });
  const tenants = counts.filter(({ of }) => PART.test(of));
  for (const { of: tenant, waiting } of tenants)
    take({ topic, tenant, key: '', payload: undefined, messages: waiting });
  return tenants.length === counts.length;
}
