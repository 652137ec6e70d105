import { nanoid } from 'nanoid';
import { subscribe } from '../../src/events/consumer';
import { appendEvent } from '../../src/events/outbox';
import { relayBatch } from '../../src/events/relay';
import { setAside } from '../../src/events/set-aside';
import { watchStream } from '../../src/events/stream-watch';
import { inTransaction } from '../../src/platform/database/pool';
import { useDatabase } from '../support/database';
import { eventually } from '../support/eventually';

const database = useDatabase();
const stops: (() => Promise<void>)[] = [];
afterEach(() => Promise.all(stops.splice(0).map((stop) => stop())));

/** A watch of these readers, with how often each was nudged. */
function watch(names: string[]) {
  const nudges: Record<string, number> = { sending: 0, ...Object.fromEntries(names.map((name) => [name, 0])) };
  const counting = (name: string) => ({
    nudge() {
      nudges[name] = (nudges[name] ?? 0) + 1;
    },
  });
  const readers = new Map(names.map((name) => [name, counting(name)]));
  const errors: unknown[] = [];
  const onError = (error: unknown) => void errors.push(error);
  stops.push(watchStream(database.pool, { readers, sending: counting('sending'), onError }).stop);
  return { nudges, errors };
}

async function publish(): Promise<number> {
  await inTransaction(database.pool, (tx) =>
    appendEvent(tx, { topic: 'test.watch', tenant: 'acme', key: nanoid(), cycle: 1 }, 'test.happened', {}),
  );
  await relayBatch(database.pool);
  const { rows } = await database.pool.query('select position from postdate.stream_head');
  return Number(rows[0].position);
}
const subscribed = async () => {
  const name = nanoid();
  await subscribe(database.pool, { name, from: 'end' });
  return name;
};

it('a reader that lags is nudged at each look until it has caught up, and one that does not is left alone', async () => {
  const [late, upToDate] = [await subscribed(), await subscribed()];
  const head = await publish();
  await database.pool.query('update postdate.consumer set position = $1 where name = $2', [head, upToDate]);
  const { nudges, errors } = watch([late, upToDate]);
  await eventually(async () => expect(nudges[late]).toBeGreaterThan(1));
  expect(nudges).toMatchObject({ [upToDate]: 0, sending: 0 });
  expect(errors).toEqual([]);
});

it('a reader that is not known yet is nudged: its first try to subscribe has failed', async () => {
  const name = nanoid();
  const { nudges } = watch([name]);
  await eventually(async () => expect(nudges[name]).toBeGreaterThan(0));
});

it('a reader with an event that is due to be tried again is nudged, and not before', async () => {
  const [due, later] = [await subscribed(), await subscribed()];
  const event = { position: 1, id: 'id', entity: 'entity', reason: 'refused' };
  await setAside(database.pool, due, [{ ...event, retryInMs: 0 }]);
  await setAside(database.pool, later, [{ ...event, retryInMs: 3_600_000 }]);
  const { nudges } = watch([due, later]);
  await eventually(async () => expect(nudges[due]).toBeGreaterThan(0));
  expect(nudges[later]).toBe(0);
});

it('the sending of webhooks is nudged for a delivery that is due, of a webhook that may be sent to', async () => {
  const add = async (id: string, fields: { dueIn: string; restingFor?: string }) => {
    await database.pool.query(
      `insert into postdate.webhook (id, url, tenant, after_position, resting_until) values ($1, 'u', '*', 0, now() + $2::interval)`,
      [id, fields.restingFor ?? null],
    );
    await database.pool.query(
      `insert into postdate.webhook_delivery (webhook_id, position, event_id, entity, next_try_at)
       values ($1, 1, 'e', 'e', now() + $2::interval)`,
      [id, fields.dueIn],
    );
  };
  await add('later', { dueIn: '1 h' });
  await add('resting', { dueIn: '0', restingFor: '1 h' });
  const lagging = await subscribed();
  await publish();
  const { nudges } = watch([lagging]);
  // Looks have been made, by the reader that lags.
  await eventually(async () => expect(nudges[lagging]).toBeGreaterThan(0));
  expect(nudges.sending).toBe(0);
  await add('due', { dueIn: '0' });
  await eventually(async () => expect(nudges.sending).toBeGreaterThan(0));
});
