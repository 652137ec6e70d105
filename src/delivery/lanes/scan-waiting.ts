import { type Client, isGrpcServiceError } from '@temporalio/client';
import pMap from 'p-map';
import type { Pool } from 'pg';
import { PART } from '../../message/admission';
import type { ScheduledMessage } from '../../message/contract';
import { countByTenant, countWaiting } from '../../producing/counts';
import { listPage } from '../../producing/list';
import type { MessageStatus } from '../../producing/message-status';
import { createWaiting } from '../../producing/waiting-runs';
import { hasRows, listUndecidedRows } from '../../topics/business-rows';
import type { Topic } from '../../topics/topic';
import type { LaneMatch } from './lane';

/**
 * A waiting message, with the fields that the rules need. If they need only the tenant, it stands for all `messages` of
 * the tenant.
 */
export type WaitingMessage = Pick<ScheduledMessage, 'topic' | 'tenant' | 'key' | 'payload'> & { messages: number };

type Visit = (message: WaitingMessage) => void;

/** How much is looked at. Messages beyond a limit are only counted. */
export interface ScanLimits {
  messages: number;
  /** Messages with their payloads. Each payload takes a request to Temporal. */
  payloads: number;
  tenants: number;
}
// Together a few seconds of extra load on the server.
export const SCAN_LIMITS: ScanLimits = { messages: 10_000, payloads: 1_000, tenants: 200 };
const PAGE = 500;
const CONCURRENCY = 4;
// gRPC's
const NOT_FOUND = 5;

/**
 * Visits the waiting messages of a topic, up to the limits, with the fields that these matches need. Resolves to the
 * number of all waiting messages if not all of them were visited.
 */
export async function scanWaiting(
  { client, pool }: { client: Client; pool: Pool },
  topic: Topic,
  matches: LaneMatch[],
  onMessage: Visit,
  {
    limits = SCAN_LIMITS,
    onProgress = () => undefined,
  }: { limits?: ScanLimits; onProgress?(messages: number): void } = {},
): Promise<{ waiting?: number }> {
  const visit: Visit = (message) => {
    onMessage(message);
    onProgress(message.messages);
  };
  const countAllWaiting = () => countWaiting(client, { topic: topic.name });
  const needsPayload = matches.some((match) => 'attribute' in match);
  const all = await (async () => {
    if (needsPayload && hasRows(topic)) return scanRows(pool, topic, limits.messages, visit);
    if (needsPayload) return scanPayloads(client, topic.name, limits.payloads, visit);
    const needsKey = matches.some((match) => 'percent' in match && match.by === 'key');
    if (needsKey || (await countAllWaiting()) <= limits.messages)
      return scanRuns(client, topic.name, limits.messages, visit);
    return scanTenants(client, topic.name, limits.tenants, visit);
  })();
  return all ? {} : { waiting: await countAllWaiting() };
}

async function scanRows(pool: Pool, topic: Parameters<typeof listUndecidedRows>[1], limit: number, visit: Visit) {
  let after = { tenant: '', key: '' };
  for (let looked = 0; looked < limit; looked += PAGE) {
    const page = await listUndecidedRows(pool, topic, { after, limit: Math.min(PAGE, limit - looked) });
    for (const message of page) visit({ ...message, messages: 1 });
    const last = page.at(-1);
    if (!last || page.length < PAGE) return page.length < limit - looked;
    after = last;
  }
  return false;
}

async function scanRuns(client: Client, topic: string, limit: number, visit: Visit): Promise<boolean> {
  for await (const runs of pagesOf(client, topic, limit)) {
    if (!runs) return true;
    for (const { tenant, key } of runs) visit({ topic, tenant, key, payload: undefined, messages: 1 });
  }
  return false;
}

async function scanPayloads(client: Client, topic: string, limit: number, visit: Visit): Promise<boolean> {
  const { messageOf } = createWaiting(client);
  for await (const runs of pagesOf(client, topic, limit)) {
    if (!runs) return true;
    const scan = async (run: MessageStatus) => {
      try {
        const { payload } = await messageOf(run);
        visit({ topic, tenant: run.tenant, key: run.key, payload, messages: 1 });
      } catch (error) {
        // The run has closed meanwhile, and Temporal has removed it.
        if (isGrpcServiceError(error) && error.code === NOT_FOUND) return;
        if (isGrpcServiceError(error)) throw error;
        // A payload that cannot be decoded has no attributes: the message takes its lane without them.
        visit({ topic, tenant: run.tenant, key: run.key, payload: undefined, messages: 1 });
      }
    };
    await pMap(runs, scan, { concurrency: CONCURRENCY });
  }
  return false;
}

/** The waiting runs, page by page, at most `limit`; then undefined if there are no more. */
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
    // A page of runs that name no message is empty, and not the last.
    if (!next) {
      yield undefined;
      return;
    }
    from = next;
  }
}

async function scanTenants(client: Client, topic: string, limit: number, visit: Visit): Promise<boolean> {
  const counts = await countByTenant(client, { topic }, { limit });
  const tenants = counts.filter(({ of }) => PART.test(of));
  for (const { of: tenant, waiting } of tenants)
    visit({ topic, tenant, key: '', payload: undefined, messages: waiting });
  return tenants.length === counts.length;
}
