import { nanoid } from 'nanoid';
import { installation } from '../../app/installation';
import { subscribe } from '../../src/events/consumer';
import { appendEvent } from '../../src/events/outbox';
import { divide } from '../../src/events/partition-change';
import { relayBatch } from '../../src/events/relay';
import { streamChecks } from '../../src/operating/doctor/stream';
import { readRecords } from '../../src/operating/story/records';
import { inHere } from '../support/cli';
import { consumeBatch } from '../support/consume-batch';
import { useDatabase } from '../support/database';

const database = useDatabase();
const before = { ...process.env };
beforeAll(() => void Object.assign(process.env, { DATABASE_URL: database.url }));
afterAll(() => {
  process.env = before;
});

const events = (...args: string[]) => inHere(['events', ...args], installation);
const doctor = () =>
  streamChecks(database.pool, [])
    .find(({ name }) => name === 'set aside')
    ?.run();
const ref = { topic: 'test.cli', tenant: 'acme', key: nanoid() };
const id = `${ref.topic}:acme:${ref.key}:1:test.happened`;
const write = (change: object) =>
  database.pool.query('update postdate.outbox set payload = payload || $2 where id = $1', [id, JSON.stringify(change)]);

it('events that are set aside are listed, named by doctor and in the story, sent again or skipped', async () => {
  const seen: number[] = [];
  const consumer = {
    name: 'wary',
    from: 'start' as const,
    handle: async (_: unknown, { position }: { position: number }) => void seen.push(position),
  };
  await subscribe(database.pool, consumer);
  expect(await events('set-aside')).toEqual({ code: 0, printed: 'no event is set aside\n', errors: '' });
  expect(await doctor()).toEqual({ status: 'ok', says: 'none' });
  await appendEvent(database.pool, { ...ref, cycle: 1 }, 'test.happened', {});
  await write({ source: null });
  await relayBatch(database.pool);
  await consumeBatch(database.pool, consumer);

  const listed = await events('set-aside');
  expect(listed.code).toBe(1);
  expect(listed.printed).toMatch(/^consumer +position +tries +since +event +why\nwary +1 +1 +\S+Z +test\.cli:acme:/);
  expect(listed.printed).toContain('no event: source');
  expect(await events('set-aside', '--consumer', 'other')).toMatchObject({ code: 0 });
  expect(JSON.parse((await events('set-aside', '--json')).printed)).toMatchObject({
    setAside: 1,
    events: [{ consumer: 'wary', eventId: id, position: 1, tries: 1 }],
  });
  expect(await doctor()).toMatchObject({
    status: 'fail',
    says: expect.stringMatching(/^1 events for wary, since \S+Z: no event: source/),
    todo: expect.stringContaining('postdate events resend'),
  });
  expect((await readRecords(database.pool, ref)).map(({ what }) => what)).toEqual([
    'test.happened',
    'set aside for wary',
  ]);

  expect(await events('resend', '--event', 'another')).toMatchObject({ code: 1 });
  await write({ source: '/postdate/test.cli' });
  expect(await events('resend', '--event', id)).toMatchObject({
    code: 0,
    printed: expect.stringMatching(/^1 events are sent again/),
  });
  await consumeBatch(database.pool, consumer);
  expect(seen).toEqual([1]);
  expect((await readRecords(database.pool, ref)).map(({ what }) => what)).toContain('sent for wary');

  const skip = (...args: string[]) => events('skip', '--consumer', 'wary', '--event', id, ...args);
  expect(await skip('--because', 'never')).toMatchObject({ code: 1, printed: `wary refuses no event ${id}\n` });
  await write({ cycle: -1 });
  await database.pool.query('update postdate.consumer set position = 0');
  await consumeBatch(database.pool, consumer);
  expect(await skip('--because', ' ')).toMatchObject({ code: 2, errors: expect.stringContaining('--because') });
  expect(await skip('--because', 'told by telephone')).toMatchObject({
    code: 0,
    printed: `wary is never sent ${id}\n`,
  });
  expect(await doctor()).toMatchObject({ status: 'ok' });
  expect(seen).toEqual([1]);
});

it('an event that a consumer has stopped at is named by doctor and in the story, and skipped', async () => {
  const consumers = () =>
    streamChecks(database.pool, [])
      .find(({ name }) => name === 'consumers')
      ?.run();
  const key = nanoid();
  const stopped = `${ref.topic}:acme:${key}:1:test.happened`;
  const handle = async () => Promise.reject(new Error('the mail server is away'));
  const consumer = { name: 'halting', from: 'end' as const, partitions: 2, handle };
  await subscribe(database.pool, consumer);
  await divide(database.pool, consumer);
  await appendEvent(database.pool, { ...ref, key, cycle: 1 }, 'test.happened', {});
  await relayBatch(database.pool);
  expect(await consumers()).not.toMatchObject({ status: 'fail' });
  await expect(consumeBatch(database.pool, consumer)).rejects.toThrow('the mail server is away');
  expect(await consumers()).toMatchObject({
    status: 'fail',
    says: expect.stringMatching(/^halting has stopped at position \d+, 1 tries since \S+Z: the mail server is away$/),
    todo: expect.stringContaining('postdate events skip'),
  });
  expect((await readRecords(database.pool, { ...ref, key })).map(({ what }) => what)).toEqual([
    'test.happened',
    'halting has stopped at it',
  ]);

  const skip = ['skip', '--consumer', 'halting', '--event', stopped, '--because', 'sent by hand'];
  expect(await events(...skip)).toMatchObject({ code: 0, printed: `halting is never sent ${stopped}\n` });
  expect(await events(...skip)).toMatchObject({ code: 1 });
  expect(await consumeBatch(database.pool, consumer)).toBe(0);
  expect(await consumers()).not.toMatchObject({ status: 'fail' });
  expect((await readRecords(database.pool, { ...ref, key })).map(({ what }) => what)).toContain('skipped for halting');
});
