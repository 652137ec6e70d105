import { createHash } from 'node:crypto';
import { nanoid } from 'nanoid';
import { type Consumer, subscribe } from '../../src/events/consumer';
import { appendEvents } from '../../src/events/outbox';
import { divide } from '../../src/events/partition-change';
import { relayBatch } from '../../src/events/relay';
import { listSetAside } from '../../src/events/set-aside-orders';
import type { StreamedEvent } from '../../src/events/stream';
import { inTransaction } from '../../src/platform/database/pool';
import { consumeBatch } from './consume-batch';
import type { TestDatabase } from './database';

const TOPIC = 'test.listening';
const TYPE = 'test.happened';

/** An event by its name: tenant/key#cycle. */
export const nameOf = ({ event: { subject, cycle } }: StreamedEvent): string => `${subject}#${cycle}`;
export const idOf = (name: string): string => `${TOPIC}:${name.replace('/', ':').replace('#', ':')}:${TYPE}`;
export const entityOfName = (name: string): string => `${TOPIC} ${name.split('#')[0]}`;

/** What tests of consumers do with the stream of their database. */
export function useListening(database: TestDatabase) {
  /** Puts events on the stream, in this order. */
  async function emit(...names: string[]): Promise<void> {
    const events = names.map((name) => {
      const [, tenant, key, cycle] = /^(.*)\/(.*)#(.*)$/.exec(name) as unknown as [string, string, string, string];
      return { origin: { topic: TOPIC, tenant, key, cycle: Number(cycle) }, type: TYPE, data: {} };
    });
    await inTransaction(database.pool, (tx) => appendEvents(tx, events));
    while ((await relayBatch(database.pool)) > 0);
  }

  /** A consumer that notes what it handled, once that is committed or not. It throws at events of these names. */
  async function listening(fields: Partial<Consumer> = {}, ...refused: string[]) {
    const seen: string[] = [];
    const refuses = new Set(refused);
    const consumer: Consumer = {
      name: nanoid(),
      from: 'end',
      async handle(_tx, streamed) {
        const name = nameOf(streamed);
        if (refuses.has(name)) throw new Error(`not ${name}`);
        seen.push(name);
      },
      ...fields,
    };
    await subscribe(database.pool, consumer);
    await divide(database.pool, consumer);
    return { seen, refuses, consumer };
  }

  const drain = async (consumer: Consumer, limit?: number) => {
    while ((await consumeBatch(database.pool, consumer, limit)) > 0);
  };
  const asideOf = async ({ name }: Consumer) =>
    (await listSetAside(database.pool, { consumer: name }, 1_000)).map(({ eventId, behind, tries }) => [
      eventId,
      behind === undefined ? `${tries} tries` : 'behind',
    ]);
  return { emit, listening, drain, asideOf };
}

/** Names of entities of a tenant, by the partition that they fall into: `each` for each of them. */
export function entitiesByPartition(tenant: string, partitions: number, each: number, prefix = 'k'): string[][] {
  const found: string[][] = Array.from({ length: partitions }, () => []);
  for (let at = 0; found.some((names) => names.length < each); at += 1) {
    const name = `${tenant}/${prefix}${at}`;
    const place = found[partitionOfEntity(entityOfName(name), partitions)];
    if (place && place.length < each) place.push(name);
  }
  return found;
}

/** By which partition an entity's events are handled, computed without PostgreSQL. */
export const partitionOfEntity = (entity: string, partitions: number): number =>
  createHash('sha256').update(entity).digest().readUInt32BE(0) % partitions;
