import { spawnSync } from 'node:child_process';
import { TYPESCRIPT } from '../../local/run-typescript';
import { schedule } from '../../src/client';
import { readRoutingTable } from '../../src/delivery/lanes/routing-table';
import { countWaiting } from '../../src/producing/counts';
import type { Topic } from '../../src/topics/topic';
import { inHere } from '../support/cli';
import { useDatabase } from '../support/database';
import { effectsSchema, effectTopic } from '../support/effects';
import { eventually } from '../support/eventually';
import { useLiveWorkers } from '../support/lanes';
import { runLocal, runProgram, useFolder } from '../support/local-process';
import { useTemporal } from '../support/temporal';

const database = useDatabase(effectsSchema);
const temporal = useTemporal();
const liveWorker = useLiveWorkers(database);
useFolder();
const topic = effectTopic();
// Of each test's own, so that none depends on another.
const named = (name: string): Topic => ({ ...topic, name });
const [tried, shown, drastic] = [named('test.tried'), named('test.shown'), named('test.drastic')];
const parts = {
  topics: [topic, tried, shown, drastic, { ...topic, name: 'test.brief', leadMs: 1_000 }],
  consumers: [],
  schemas: [],
};
const before = { ...process.env };
beforeAll(async () => {
  Object.assign(process.env, { DATABASE_URL: database.url, ...temporal.env() });
  await liveWorker({ lane: 'canary', topics: parts.topics.map(({ name }) => name), build: '2.0.0' });
  const dueAt = Date.now() + 3_600_000;
  for (const [nth, tenant] of ['acme', 'globex', 'globex', 'initech'].entries()) {
    for (const one of [topic, tried, shown, drastic]) {
      // The same in each run: a percentage takes keys by their hash, and random ones now and then.
      const key = `k-${nth}`;
      await schedule(temporal.client, {
        topic: one,
        tenant,
        key,
        dueAt,
        payload: { note: tenant === 'acme' ? '7' : 'n' },
      });
    }
  }
  await eventually(async () => expect(await countWaiting(temporal.client, {})).toBe(16));
});
afterAll(() => {
  process.env = before;
});

const postdate = (...args: string[]) => inHere(args, parts);
const on = ({ name }: Topic) => {
  const routing = () => readRoutingTable(database.pool, name);
  const lane = (what: string, ...args: string[]) =>
    postdate('lane', what, '--topic', name, '--lane', 'canary', ...args);
  return {
    routing,
    lane,
    set: (...args: string[]) => lane('set', '--reason', 'a trial', '--author', 'ann', ...args),
    matches: async () => (await routing()).rules.filter((rule) => rule.lane === 'canary').map(({ match }) => match),
  };
};
const jsonOf = ({ printed }: { printed: string }) => JSON.parse(printed);

it('a lane is tried, set, ramped and stopped, and what was done is shown with its reason and author', async () => {
  const { routing, lane, set, matches } = on(tried);
  const dry = await set('--tenants', 'acme', '--dry-run');
  expect(dry).toMatchObject({ code: 0, errors: '' });
  expect(dry.printed).toBe('canary would take 1 of 4 that wait\n\ntenant  waiting\nacme    1\n');
  expect((await routing()).version).toBe(0);
  expect(jsonOf(await set('--attribute', 'note=7', '--dry-run', '--json'))).toEqual({
    ...{ result: 'dryRun', version: 0, waiting: 4, lookedAt: 4, caught: 1, leaveStable: 1, tenantsCaught: 1 },
    ...{ tenants: [{ tenant: 'acme', waiting: 1 }], drastic: [], toBeKnown: [] },
  });
  const made = await set(
    '--tenants',
    'acme',
    '--attribute',
    'note=7,true',
    '--attribute',
    'a.b=x',
    '--percent',
    '1',
    '--by',
    'key',
  );
  expect(made).toMatchObject({
    code: 0,
    printed: expect.stringMatching(/^set {2}canary of test\.tried: takes 1 of 4 that wait {2}version \d+\n$/),
  });
  expect(await matches()).toEqual([
    { tenants: ['acme'] },
    // What is a number to some is a text to others.
    { attribute: 'note', oneOf: ['7', 7, 'true', true] },
    { attribute: 'a.b', oneOf: ['x'] },
    { percent: 1, by: 'key' },
  ]);
  expect(await set('--error-rate', '0.1', '--min-count', '5')).toMatchObject({ code: 0 });
  expect((await routing()).lanes.get('canary')?.limits).toMatchObject({
    errorRate: 0.1,
    minCount: 5,
    lateP99Ms: 1_000,
  });
  expect(await lane('ramp', '--steps', '2,50,100', '--every', '10m')).toMatchObject({
    code: 0,
    printed: expect.stringMatching(/^ramped /),
  });
  expect((await routing()).lanes.get('canary')?.ramp).toMatchObject({ steps: [50, 100], everySeconds: 600, by: 'key' });
  expect((await matches()).at(-1)).toEqual({ percent: 2, by: 'key' });
  expect(await lane('stop', '--reason', 'it is slow', '--json')).toMatchObject({ code: 0 });
  expect((await routing()).lanes.get('canary')).toMatchObject({ mode: 'stopped', ramp: undefined });
  expect(await lane('ramp', '3')).toMatchObject({ code: 2, errors: expect.stringMatching(/stopped.*\[invalidLane\]/) });
  expect(await set('--live')).toMatchObject({ code: 0 });
  expect(
    await postdate(
      'lane',
      'set',
      '--topic',
      tried.name,
      '--lane',
      'stable',
      '--tenants',
      'initech',
      '--first',
      '--reason',
      'ours',
    ),
  ).toMatchObject({ code: 0 });
  const history = await postdate('lanes', '--topic', tried.name, '--history');
  const [head, ...rows] = history.printed.trim().split('\n');
  expect(head).toMatch(/^at +topic +lane +what +version +author +then +reason$/);
  expect(rows).toHaveLength(6);
  expect(rows[0]).toMatch(/stable +set .*tenants initech +ours$/);
  expect(rows[2]).toMatch(/canary +stop .*stopped; tenants acme; .*it is slow$/);
  expect(jsonOf(await postdate('lanes', '--history', '--json', '--limit', '2'))).toMatchObject([
    { what: 'set', lane: 'stable', author: expect.stringContaining('@') },
    { what: 'set', lane: 'canary', author: 'ann', after: { mode: 'live' } },
  ]);
  expect(await set('--no-rules')).toMatchObject({ code: 0, printed: expect.stringContaining('has no rules') });
  expect(await matches()).toEqual([]);
});

it('lanes shows who serves them, their rules in order, and what they did in their window; stable, too', async () => {
  const { pool } = database;
  const setting = ['lane', 'set', '--topic', shown.name, '--reason', 'a trial', '--author', 'ann'];
  expect(await postdate(...setting, '--lane', 'canary', '--tenants', 'acme', '--window-seconds', '60')).toMatchObject({
    code: 0,
  });
  expect(await postdate(...setting, '--lane', 'v2', '--tenants', 'globex', '--yes')).toMatchObject({ code: 0 });
  expect(await postdate(...setting, '--lane', 'stable', '--tenants', 'initech', '--first')).toMatchObject({ code: 0 });
  await liveWorker({ lane: 'unasked', topics: [shown.name] });
  await pool.query(
    `insert into postdate.delivery (topic, tenant, key, cycle, outcome, due_at, decided_at, late, lane)
     select $1, 'acme', lane || late_s || age_s, 1, outcome, at - make_interval(secs => late_s), at, posted_late, lane
       from (values ('canary', 1.5, 5, 'delivered', false), ('canary', 90, 5, 'delivered', true), ('canary', 9, 70, 'delivered', false),
                    ('stable', 0.25, 70, 'delivered', false), ('stable', 0.25, 5, 'failed', false))
              as given (lane, late_s, age_s, outcome, posted_late),
            lateral (select clock_timestamp() - make_interval(secs => age_s) as at) as decided`,
    [shown.name],
  );
  await pool.query(
    `insert into postdate.lane_failure (topic, lane, tenant, key, cycle, why, failed_at)
     values ($1, 'canary', 'acme', 'k', 1, 'threw', clock_timestamp()), ($1, 'canary', 'acme', 'l', 1, 'threw', clock_timestamp() - interval '2 min')`,
    [shown.name],
  );
  await pool.query(
    `insert into postdate.lane_rule (topic, place, lane, match, reason, author) values ($1, 9, 'v2', '{"all": true}', 'r', 'eve')`,
    [shown.name],
  );
  const [found] = jsonOf(await postdate('lanes', '--topic', shown.name, '--json'));
  expect(found.lanes).toMatchObject([
    { lane: 'stable', mode: 'live', workers: 0, landed: 1, failed: 1, lateP99Ms: 250, windowSeconds: 300 },
    // Neither what was posted late, nor what is older than the window.
    {
      lane: 'canary',
      mode: 'live',
      workers: 1,
      builds: ['2.0.0'],
      landed: 2,
      failed: 1,
      lateP99Ms: 1_500,
      windowSeconds: 60,
    },
    { lane: 'unasked', mode: 'unset', workers: 1, landed: 0 },
    { lane: 'v2', mode: 'live', workers: 0, builds: [], landed: 0, failed: 0 },
  ]);
  expect(found.rules.map((rule: { lane: string }) => rule.lane)).toEqual(['stable', 'canary', 'v2']);
  const { printed } = await postdate('lanes', '--topic', shown.name);
  expect(printed).toMatch(
    new RegExp(`^test\\.shown {2}version ${found.version}\n\nlane +mode +workers +builds +landed +failed +late p99`),
  );
  expect(printed).toMatch(/canary +live +1 +2\.0\.0 +2 +1 +1500 ms +60 s/);
  expect(printed).toMatch(/0 +stable +tenants initech +ann +a trial\n1 +canary +tenants acme/);
  expect(printed).toMatch(/canary stops by itself at 5 % errors, late p99 1000 ms/);
  expect(printed).toMatch(/rule \d+ of v2 is skipped: its match cannot be read/);
  const all = jsonOf(await postdate('lanes', '--json'));
  expect(all.map((one: { topic: string }) => one.topic)).toEqual([
    ...[topic, tried, shown, drastic].map(({ name }) => name),
    'test.brief',
  ]);
});

it('what is drastic is not done without --yes where nobody can be asked, and one line says so', async () => {
  const { routing, lane, set } = on(drastic);
  await set('--tenants', 'acme');
  const { version } = await routing();
  for (const [args, says] of [
    [['--percent', '100'], /would take everybody/],
    [['--tenants', 'globex'], /would take 2 of 4 waiting messages/],
    [['--tenants', 'acme', '--lane', 'v3'], /no live worker serves v3/],
  ] as const) {
    expect(await set(...args)).toMatchObject({
      code: 2,
      printed: '',
      errors: expect.stringMatching(/^error: [^\n]+ add --yes\n$/),
    });
    expect((await set(...args)).errors).toMatch(says);
    expect(await set(...args, '--json')).toMatchObject({ code: 2, printed: '' });
  }
  expect((await routing()).version).toBe(version);
  // Of those who may be late already nothing is asked, and nobody of Temporal.
  process.env.TEMPORAL_ADDRESS = '127.0.0.1:1';
  expect(await set('--tenants', 'acme')).toMatchObject({
    code: 2,
    errors: expect.stringMatching(/Temporal at 127\.0\.0\.1:1 cannot be reached/),
  });
  expect(await lane('stop')).toMatchObject({ code: 0 });
  expect(await set('--live', '--percent', '100', '--yes')).toMatchObject({
    code: 0,
    printed: expect.stringContaining('note: canary would take everybody'),
  });
  process.env.TEMPORAL_ADDRESS = temporal.address;
});

it('of two operators at once one is told by whom it was overtaken, with exit code 1, and nothing of it is done', async () => {
  const { routing, set, matches } = on(topic);
  const { version } = await routing();
  const ask = async (author: string) => {
    const args = `lane set --topic ${topic.name} --lane canary --tenants ${author} --reason mine --author ${author} --if-version ${version} --json`;
    const cli = runLocal('test/cli/effects-program.ts', { args: args.split(' '), env: temporal.envFor(database) });
    return { author, code: await cli.ended, said: JSON.parse(cli.printed()) };
  };
  const both = await Promise.all([ask('ann'), ask('bob')]);
  const [winner, loser] = both.sort((one, two) => Number(one.code) - Number(two.code));
  expect(winner).toMatchObject({ code: 0, said: { result: 'changed' } });
  expect(loser).toMatchObject({
    code: 1,
    said: {
      result: 'overtaken',
      version: winner?.said.version,
      by: { author: winner?.author, what: 'set', reason: 'mine' },
    },
  });
  expect(await matches()).toEqual([{ tenants: [winner?.author] }]);
  const late = await set('--tenants', 'acme', '--if-version', String(version));
  expect(late).toMatchObject({
    code: 1,
    printed: expect.stringMatching(
      new RegExp(`^overtaken: ${winner?.author} has changed canary \\(set\\) at .*: mine\\. `),
    ),
  });
  await database.pool.query('update postdate.lane_rule set reason = reason where topic = $1', [topic.name]);
  expect((await set('--tenants', 'acme', '--if-version', String(version))).printed).toContain(
    'in the database by hand',
  );
});

const hasScript = spawnSync('script', ['--version']).status === 0;
(hasScript ? it : it.skip)(
  'on a terminal it is asked, and only a yes is a yes (needs the program script)',
  async () => {
    const { routing } = on(topic);
    const ask = async (answer: string) => {
      const args = `lane set --topic ${topic.name} --lane canary --percent 100 --reason all`;
      const command = `${process.execPath} ${TYPESCRIPT.join(' ')} test/cli/effects-program.ts ${args}`;
      const cli = runProgram('script', ['-qec', command, '/dev/null'], {
        env: temporal.envFor(database),
        input: answer,
      });
      return { code: await cli.ended, printed: cli.printed() };
    };
    const { version } = await routing();
    const no = await ask('\n');
    expect(no).toEqual({
      code: 1,
      printed: expect.stringMatching(
        /canary would take everybody, all 4 that wait\. Is that meant\? \[y\/N\][\s\S]*nothing is changed/,
      ),
    });
    expect((await routing()).version).toBe(version);
    expect(await ask('y\n')).toEqual({
      code: 0,
      printed: expect.stringMatching(/set {2}canary of test\.effect: takes 4 of 4/),
    });
  },
);

describe('bad input is refused in one line with its code, and exit code 2', () => {
  it.each([
    ['unknownTopic', ['lanes', '--topic', 'nobody.knows']],
    ['unknownTopic', ['lane', 'stop', '--topic', 'nobody.knows', '--lane', 'canary']],
    ['invalidLane', ['lane', 'stop', '--topic', 'test.effect', '--lane', 'Canary']],
    ['invalidLane', ['lane', 'stop', '--topic', 'test.effect', '--lane', 'stable']],
    ['invalidLane', ['lane', 'stop', '--topic', 'test.effect', '--lane', 'nowhere']],
    ['invalidLane', ['lane', 'ramp', '--topic', 'test.effect', '--lane', 'nowhere', '5']],
    ['invalidLane', ['lane', 'set', '--topic', 'test.brief', '--lane', 'canary', '--tenants', 'a', '--reason', 'r']],
    ...[
      ['invalidReason', ['--reason', '']],
      ['invalidLabel', ['--author', '']],
      ['invalidLaneRule', []],
      ['invalidLaneRule', ['--tenants', '']],
      ['invalidLaneRule', ['--tenants', 'acme,']],
      ['invalidLaneRule', ['--tenants', 'a b']],
      ['invalidLaneRule', ['--attribute', '=x']],
      ['invalidLaneRule', ['--attribute', 'a..b=x']],
      ['invalidLaneRule', ['--percent', '101']],
      ['invalidLaneRule', ['--percent', '-1']],
      ['invalidLaneRule', ['--percent', '']],
      ['invalidLaneRule', ['--percent', 'all']],
      ['invalidLaneRule', ['--live', '--first']],
      ['invalidLaneLimit', ['--error-rate', '5']],
      ['invalidLaneLimit', ['--window-seconds', '0']],
      ['invalidLaneLimit', ['--late-p99-ms', 'soon']],
    ].map(([code, args]) => [
      code,
      ['lane', 'set', '--topic', 'test.effect', '--lane', 'canary', '--reason', 'r', ...(args as string[])],
    ]),
    ...[
      ['invalidLaneRule', []],
      ['invalidLaneRule', ['200']],
      ['invalidLaneRule', ['--steps', '5,1', '--every', '1m']],
      ['invalidLaneRule', ['--steps', '1,5']],
      ['invalidLaneRule', ['--steps', '1,5', '--every', '40d']],
    ].map(([code, args]) => [
      code,
      ['lane', 'ramp', '--topic', 'test.effect', '--lane', 'canary', ...(args as string[])],
    ]),
  ] as [string, string[]][])('%s: %j', async (code, args) => {
    expect(await inHere(args, parts)).toEqual({
      code: 2,
      printed: '',
      errors: expect.stringMatching(new RegExp(`^error: [^\n]+ \\[${code}\\]\n$`)),
    });
  });

  it.each([
    [['lane', 'set', '--topic', 'test.effect', '--lane', 'canary', '--tenants', 'a'], /required option '--reason/],
    [['lane', 'set', '--topic', 't', '--lane', 'l', '--reason', 'r', '--live', '--shadow'], /cannot be used with/],
    [['lane', 'set', '--topic', 't', '--lane', 'l', '--reason', 'r', '--attribute', 'vip'], /path=value/],
    [['lane', 'ramp', '--topic', 't', '--lane', 'l', '--steps', '1,5', '--every', 'soon'], /90s, 10m or 1h/],
    [['lane', 'stop', '--topic', 't', '--lane', 'l', '--if-version', 'x'], /whole number from 0/],
  ])('%j', async (args, pattern) => {
    const { code, printed, errors } = await inHere(args, parts);
    expect({ code, printed, lines: errors.split('\n').length }).toEqual({ code: 2, printed: '', lines: 2 });
    expect(errors).toMatch(pattern);
  });
});
