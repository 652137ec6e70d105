import { nanoid } from 'nanoid';
import { Client } from 'pg';
import { withClient } from '../../../local/databases';
import { type Hints, listenForHints } from '../../../src/platform/database/hints';
import { runWhileWorkWaits } from '../../../src/platform/database/resting-loop';
import { type BackgroundLoop, runInBackground } from '../../../src/platform/loops/background-loop';
import { registerTopics } from '../../../src/producing/dispatch/register-topics';
import { useDatabase } from '../../support/database';
import { effectTopic } from '../../support/effects';
import { eventually } from '../../support/eventually';

const database = useDatabase();
const topic = effectTopic();
const POLL_MS = 5;
// By itself a loop that rests does not look again within a test: only a hint makes it.
const NEVER_MS = 3_600_000;

const WRITES = {
  events: `insert into postdate.outbox (id, aggregatetype, aggregateid, type, payload) values ('${'ID'}', '', '', '', '{}')`,
  commands: `select postdate.schedule('${topic.name}', 'acme', '${'ID'}', now() + interval '1 h', '{"note": "n"}')`,
};
const WAITS = {
  events: `exists (select from postdate.outbox where position is null)`,
  commands: 'exists (select from postdate.dispatch_queue)',
};
const WORK = ['events', 'commands'] as const;
type Work = (typeof WORK)[number];
const write = (what: Work) => WRITES[what].replace('ID', nanoid());

let hints: Hints;
const errors: unknown[] = [];
const onError = (error: unknown) => void errors.push(error);
const ends: (() => Promise<unknown>)[] = [];
beforeAll(() => registerTopics(database.pool, [topic]));
beforeEach(() => {
  hints = listenForHints(database.url, database.pool, { onError, echoEveryMs: 100 });
});
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
  await hints.stop();
  await database.pool.query(`truncate postdate.outbox, postdate.command; select postdate.ask_for_hint('events', 0),
    postdate.ask_for_hint('commands', 0)`);
  expect(errors.splice(0)).toEqual([]);
});

const clear = { events: 'update postdate.outbox set position = seq', commands: 'truncate postdate.command' };

/** A loop that finds what waits, and counts how often it looks. */
function startLoop(what: Work, { given = hints, quietMs = 50 }: { given?: Hints; quietMs?: number } = {}) {
  const counts = { looks: 0, found: 0 };
  const loop = runWhileWorkWaits(
    { pool: database.pool, hints: given, onError },
    { what, waits: WAITS[what], pollMs: POLL_MS },
    async () => {
      counts.looks += 1;
      const { rows } = await database.pool.query(`select ${WAITS[what]} as waits`);
      if (!rows[0].waits) return 'idle';
      await database.pool.query(clear[what]);
      counts.found += 1;
      return 'found';
    },
    { quietMs, restMs: NEVER_MS },
  );
  ends.push(loop.stop);
  return counts;
}

/** Resolves after so many looks of a loop that never rests: the control beside one that does. */
async function looksOfAnother(count: number): Promise<void> {
  let looks = 0;
  let loop: BackgroundLoop | undefined;
  await new Promise<void>((resolve) => {
    const look = async () => {
      looks += 1;
      if (looks === count) resolve();
      return 'idle' as const;
    };
    loop = runInBackground(look, { pauseMs: POLL_MS, onError });
  });
  await loop?.stop();
}

async function isStill(counts: { looks: number }): Promise<boolean> {
  const before = counts.looks;
  await looksOfAnother(25);
  return counts.looks === before;
}
const rests = (counts: { looks: number }) => eventually(async () => expect(await isStill(counts)).toBe(true));
const isAskedFor = async (what: Work) => {
  const { rows } = await database.pool.query(`select last_value::float8 as until from postdate.${what}_hint`);
  return rows[0].until > 0;
};

describe.each(WORK)('a loop for %s', (what) => {
  it('rests while nothing waits, and looks at once when a transaction commits something', async () => {
    const counts = startLoop(what);
    await rests(counts);
    await database.pool.query(write(what));
    await eventually(async () => expect(counts.found).toBe(1));
    // And so again.
    await rests(counts);
    await database.pool.query(write(what));
    await eventually(async () => expect(counts.found).toBe(2));
  });

  it('does not rest before a transaction has ended that wrote before any hint was asked for', async () => {
    await withClient(database.url, async (writer) => {
      await writer.query(`begin; ${write(what)}`);
      const counts = startLoop(what);
      await eventually(async () => expect(await isAskedFor(what)).toBe(true));
      expect(await isStill(counts)).toBe(false);
      await writer.query('commit');
      await eventually(async () => expect(counts.found).toBe(1));
    });
  });

  it('has a hint of a transaction whose snapshot is older than the rest', async () => {
    await withClient(database.url, async (writer) => {
      await writer.query('begin isolation level repeatable read; select 1');
      const counts = startLoop(what);
      await rests(counts);
      await writer.query(write(what));
      await writer.query('commit');
      await eventually(async () => expect(counts.found).toBe(1));
    });
  });
});

it('a burst does not notify: only what is written while a loop rests', async () => {
  const heard: string[] = [];
  const listener = new Client({ connectionString: database.url });
  await listener.connect();
  ends.push(() => listener.end());
  listener.on('notification', ({ channel }) => void heard.push(channel));
  await listener.query('listen postdate_events; listen marker');
  // It does not ask again before the test has seen that it asks no more.
  const counts = startLoop('events', { quietMs: 2_000 });
  await rests(counts);
  await database.pool.query(write('events'));
  await eventually(async () => expect(await isAskedFor('events')).toBe(false));
  expect(heard).toEqual(['postdate_events']);
  // The loop is kept awake: something waits at each of its looks.
  for (let event = 0; event < 20; event += 1) await database.pool.query(write('events'));
  await database.pool.query('notify marker');
  await eventually(async () => expect(heard.at(-1)).toBe('marker'));
  expect(heard.length).toBeLessThan(5);
});

it('a loop whose connection for hints is cut looks by itself until they arrive again', async () => {
  const counts = startLoop('events');
  await rests(counts);
  await database.pool.query(`select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = 'postdate hints' and datname = current_database()`);
  await eventually(async () => expect(errors.length).toBeGreaterThan(0));
  await database.pool.query(write('events'));
  await eventually(async () => expect(counts.found).toBe(1));
  await rests(counts);
  // Node reports a broken connection twice.
  errors.splice(0);
});

it('where no notification arrives, as behind PgBouncer, a loop does not rest', async () => {
  // Notifications of one database are not heard in another.
  const reported: unknown[] = [];
  const deaf = listenForHints(process.env.POSTDATE_TEST_DATABASE_URL as string, database.pool, {
    onError: (error) => void reported.push(error),
    echoEveryMs: 50,
  });
  ends.push(deaf.stop);
  const counts = startLoop('events', { given: deaf });
  await eventually(async () =>
    expect(reported).toMatchObject([{ message: expect.stringContaining('past PgBouncer') }]),
  );
  expect(await isStill(counts)).toBe(false);
  expect(await isAskedFor('events')).toBe(false);
  // It is reported once, not at each echo.
  expect(reported).toHaveLength(1);
});

it('where transactions can be prepared no hint is granted, and a loop does not rest', async () => {
  // The setting itself needs a restart of the server.
  await withClient(database.url, async (client) => {
    await client.query(`alter function postdate.ask_for_hint rename to granted_hint;
      create function postdate.ask_for_hint(text, integer) returns boolean language sql as 'select false'`);
    try {
      const counts = startLoop('events');
      await eventually(async () => expect(hints.arrive()).toBe(true));
      await looksOfAnother(30);
      expect(await isStill(counts)).toBe(false);
    } finally {
      await client.query(`drop function postdate.ask_for_hint;
        alter function postdate.granted_hint rename to ask_for_hint`);
    }
  });
});

it.each([
  ['of a few bytes', 'x'],
  ['of nearly 8,000', 'x'.repeat(7_999)],
  ['that looks like SQL', `'; drop table postdate.outbox; --`],
])('a notification of a stranger with a payload %s is a hint like any other', async (_, payload) => {
  const counts = startLoop('events');
  await rests(counts);
  const before = counts.looks;
  for (const channel of ['postdate_events', 'postdate_stream', 'postdate_echo_x']) {
    await database.pool.query('select pg_notify($1, $2)', [channel, payload]);
  }
  await eventually(async () => expect(counts.looks).toBeGreaterThan(before));
  await rests(counts);
  expect(hints.arrive()).toBe(true);
});

it('a request of a worker that has died ends, and one of a clock that was far ahead counts as none', async () => {
  const asks = async (value: string) => {
    await database.pool.query(`select setval('postdate.events_hint', (${value})::bigint)`);
    return withClient(database.url, async (client) => {
      let heard = 0;
      client.on('notification', ({ channel }) => {
        if (channel === 'postdate_events') heard += 1;
      });
      await client.query('listen postdate_events');
      await client.query(write('events'));
      // Delivered before the answer of a later statement.
      await client.query('select 1');
      return heard > 0;
    });
  };
  const inMs = (ms: number) => `extract(epoch from clock_timestamp()) * 1000 + ${ms}`;
  expect(await asks(inMs(15_000))).toBe(true);
  expect(await asks(inMs(-1))).toBe(false);
  expect(await asks(inMs(3_600_000))).toBe(false);
  await database.pool.query(`select setval('postdate.events_hint', 0)`);
});
