import { DefaultFailureConverter, defaultPayloadConverter } from '@temporalio/common';
import fc from 'fast-check';
import { nanoid } from 'nanoid';
import { type Consumer, subscribe } from '../../src/events/consumer';
import { appendEvent } from '../../src/events/outbox';
import { relayBatch } from '../../src/events/relay';
import { inTransaction } from '../../src/platform/database/pool';
import { errorContextOf, isHandlerError } from '../../src/platform/telemetry/error-context';
import { consumeBatch } from '../support/consume-batch';
import { useDatabase } from '../support/database';
import { anyOdd, ODD } from '../support/odd-values';

const database = useDatabase();
const RUNS = Math.ceil(Number(process.env.POSTDATE_FUZZ_RUNS ?? 600) / 30);

async function publish(keys: string[]): Promise<void> {
  await inTransaction(database.pool, async (tx) => {
    for (const key of keys) {
      await appendEvent(tx, { topic: 'test.odd', tenant: 'acme', key, cycle: 1 }, 'test.happened', {});
    }
  });
  await relayBatch(database.pool);
}

/** The second of three events meets a listener that throws this, and that has changed the event before. */
async function throwAtSecond(make: () => unknown): Promise<void> {
  const keys = [nanoid(), nanoid(), nanoid()];
  const seen: string[] = [];
  let broken = true;
  const consumer: Consumer = {
    name: nanoid(),
    from: 'end',
    async handle(_tx, { event }) {
      const key = event.subject.replace('acme/', '');
      if (broken && key === keys[1]) {
        for (const field of Object.keys(event)) delete (event as Record<string, unknown>)[field];
        throw make();
      }
      seen.push(key);
    },
  };
  await subscribe(database.pool, consumer);
  await publish(keys);
  const error = await consumeBatch(database.pool, consumer).then(
    () => 'nothing was thrown',
    (thrown) => thrown,
  );
  expect(error).toBeInstanceOf(Error);
  expect(() => new DefaultFailureConverter().errorToFailure(error, defaultPayloadConverter)).not.toThrow();
  expect(errorContextOf(error)).toMatchObject({ topic: 'test.odd', tenant: 'acme', key: keys[1] });
  expect(isHandlerError(error)).toBe(true);
  expect(seen).toEqual(keys.slice(0, 1));
  broken = false;
  expect(await consumeBatch(database.pool, consumer)).toBe(2);
  expect(seen).toEqual(keys);
}

it.each(Object.keys(ODD))('an event is tried again when its listener throws: %s', async (name) => {
  await throwAtSecond(ODD[name] as () => unknown);
});

it('an event is tried again and never skipped, whatever its listener throws; what came before it is kept', async () => {
  await fc.assert(
    fc.asyncProperty(anyOdd, ({ make }) => throwAtSecond(make)),
    { numRuns: RUNS },
  );
});
