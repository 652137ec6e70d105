import { nanoid } from 'nanoid';
import { schedule } from '../../src/client';
import { readStory } from '../../src/operating/story/story';
import { inHere } from '../support/cli';
import { useDatabase } from '../support/database';
import { effectsSchema, effectTopic, traces } from '../support/effects';
import { eventually } from '../support/eventually';
import { runLocal, useFolder } from '../support/local-process';
import { useTemporal } from '../support/temporal';

const database = useDatabase(effectsSchema);
const temporal = useTemporal();
useFolder();
const topic = effectTopic();
const parts = { topics: [topic], consumers: [], schemas: [] };
const during = (work: () => Promise<void>) => () => temporal.withWorker(database, parts, work);

beforeAll(() => void Object.assign(process.env, { DATABASE_URL: database.url, ...temporal.env() }));
/** Runs a command in this process. */
const here = (command: string) => inHere(command.split(' '), parts);

async function postdate(command: string, { input, env }: { input?: string; env?: NodeJS.ProcessEnv } = {}) {
  const cli = runLocal('test/cli/effects-program.ts', {
    args: command.split(' '),
    env: { DATABASE_URL: database.url, ...temporal.env(), ...env },
    input,
  });
  const code = await cli.ended;
  return { code, printed: cli.printed(), errors: cli.errors() };
}
const naming = (key: string) => `--topic ${topic.name} --tenant acme --key ${key}`;
const newKey = () => nanoid().replace(/^-+/, 'k');
const anHour = () => new Date(Date.now() + 3_600_000).toISOString();

it(
  'a message is scheduled, found, counted, moved and cancelled, and each answer has its exit code',
  during(async () => {
    const key = newKey();
    const post = `schedule ${naming(key)} --due ${anHour()} --payload -`;
    const scheduled = await postdate(`${post} --json`, { input: '{"note":"n"}' });
    expect(scheduled).toMatchObject({ code: 0, errors: '' });
    expect(JSON.parse(scheduled.printed)).toMatchObject({ result: 'scheduled', late: false });
    expect(await postdate(post, { input: '{"note":"n"}' })).toMatchObject({
      code: 1,
      printed: expect.stringContaining('--on-conflict move'),
    });
    const moved = await here(`move ${naming(key)} --due +5h`);
    expect(moved).toMatchObject({ code: 0, printed: expect.stringMatching(/^moved {2}due .*, cycle 2\n$/) });
    expect(JSON.parse((await here(`move ${naming(key)} --due +5h --expected-cycle 1 --json`)).printed)).toEqual({
      result: 'stale',
      cycle: 2,
    });

    const other = newKey();
    await schedule(temporal.client, { topic, tenant: 'globex', key: other, dueAt: anHour(), payload: { note: 'n' } });
    await eventually(async () => {
      const { printed } = await here('list --state waiting --due-from +30m --json');
      expect(JSON.parse(printed)).toMatchObject([{ key: other }, { key, cycle: 2, state: 'waiting' }]);
    });
    const listed = await postdate('list --tenant acme --limit 1', { env: { FORCE_COLOR: '1', CI: '1' } });
    expect(listed).toMatchObject({ code: 0, printed: expect.stringContaining(`acme/${key}`) });
    // Whatever asks for colours: this is no terminal.
    expect(listed.printed).not.toContain('\u001b');
    const byTenant = JSON.parse((await here('count --by tenant --json')).printed);
    expect(byTenant.counts).toEqual([
      { of: 'acme', waiting: 1 },
      { of: 'globex', waiting: 1 },
    ]);
    expect((await here('count --by topic')).printed).toMatch(/test\.effect +2 +█{40}\n2 waiting in all/);
    const byHour = await here('count --hours 2');
    // One of them is due an hour from now, the other one five: beyond the two hours that were asked for.
    expect(byHour.printed).toMatch(/T\d\d +1 +█{40}/);
    expect(byHour.printed).toMatch(/later +1 +█{40}\n2 waiting in all/);

    expect(await here(`cancel ${naming(key)} --reason by-hand`)).toMatchObject({
      code: 0,
      printed: 'cancelled: it will not be delivered\n',
    });
    const late = await here(`move ${naming(key)} --due +3h`);
    expect(late).toMatchObject({ code: 1, printed: expect.stringContaining('tooLate: cancelled at') });
    const unknown = await postdate(`cancel ${naming('nobody')} --json`);
    expect({ ...unknown, printed: JSON.parse(unknown.printed) }).toMatchObject({
      code: 1,
      printed: { result: 'notFound' },
    });
    const { rows } = await database.pool.query('select outcome, reason from postdate.delivery where key = $1', [key]);
    expect(rows).toEqual([
      { outcome: 'moved', reason: null },
      { outcome: 'cancelled', reason: 'by-hand' },
    ]);
  }),
);

it(
  'its story is told: who posted and moved it, when it was held and landed, how late, and its event',
  during(async () => {
    const key = newKey();
    await here(`schedule ${naming(key)} --due +1h --payload {"note":"n"}`);
    // Read in this process: by the time that another one has started, the message may have landed.
    const ref = { topic: topic.name, tenant: 'acme', key };
    const read = () => readStory({ client: temporal.client, pool: database.pool }, ref);
    const whatHappened = (told: Awaited<ReturnType<typeof read>>) => told?.happenings.map(({ what }) => what);
    // A run that is asked to move before its first task never falls asleep.
    await eventually(async () => expect(whatHappened(await read())).toContain('asleep'));
    await here(`move ${naming(key)} --due +7s`);
    await eventually(async () => {
      const told = await read();
      expect(told).toMatchObject({ state: 'held', cycle: 2 });
      expect(whatHappened(told)).toContain('is held');
    });
    await eventually(async () => expect(await traces(database.pool, key)).toMatchObject({ effects: 1 }));
    const story = await eventually(async () => {
      const { printed } = await here(`show ${naming(key)} --json`);
      const told = JSON.parse(printed);
      expect(told).toMatchObject({ state: 'ended', cycle: 2, runsLeftOut: 0 });
      expect(printed).toContain('position');
      return told;
    });
    const whats = story.happenings.map(({ what }: { what: string }) => what);
    const inOrder = ['posted', 'asleep', 'move asked', 'moved', 'goes on', 'delivered'];
    expect(whats.filter((what: string) => inOrder.includes(what))).toEqual(inOrder);
    expect(whats).toEqual(expect.arrayContaining(['with a worker', 'test.happened', 'workflow ended']));
    const find = (what: string) => story.happenings.find((one: { what: string }) => one.what === what);
    // By the name that the terminal gives to Temporal, over to the ledger's row.
    expect(find('posted').by).toMatch(/@/);
    expect(find('moved')).toMatchObject({ source: 'ledger', cycle: 1, by: find('posted').by });
    expect(find('delivered')).toMatchObject({ source: 'ledger', cycle: 2 });
    expect(find('delivered').lateByMs).toBe(Date.parse(find('delivered').at) - Date.parse(story.dueAt));
    expect(find('moved').lateByMs).toBeUndefined();
    const shown = await here(`show ${naming(key)}`);
    expect(shown).toMatchObject({ code: 0, errors: '' });
    expect(shown.printed).toMatch(/delivered +\d+ (ms|s)|delivered +\d\.\d s/);
    expect(await here(`show ${naming('nobody')}`)).toMatchObject({
      code: 1,
      printed: expect.stringMatching(/^notFound: /),
    });
  }),
);

it(
  'what is due next, held and has landed is watched as lines of JSON, until Ctrl-C',
  during(async () => {
    const [landed, next] = [newKey(), newKey()];
    for (const [key, dueAt] of [
      [landed, Date.now() - 1],
      [next, Date.now() + 1_800_000],
    ] as const) {
      await schedule(temporal.client, { topic, tenant: 'watched', key, dueAt, payload: { note: 'n' } });
    }
    const watching = runLocal('test/cli/effects-program.ts', {
      args: ['watch', '--tenant', 'watched'],
      env: { DATABASE_URL: database.url, ...temporal.env(), FORCE_COLOR: '1' },
    });
    await watching.prints(new RegExp(`"next":\\[[^\\]]*"${next}".*"landed":\\[[^\\]]*"${landed}"`));
    watching.signal('SIGINT');
    expect(await watching.ended).toBe(0);
    const lines = watching.printed().trim().split('\n');
    expect(JSON.parse(lines.at(-1) as string)).toMatchObject({
      overdue: 0,
      landedLastMinute: 1,
      landed: [{ outcome: 'delivered', tenant: 'watched' }],
    });
  }),
);

it('without a worker a cancel is requested, which is no yes', async () => {
  const key = newKey();
  await schedule(temporal.client, { topic, tenant: 'acme', key, dueAt: anHour(), payload: { note: 'n' } });
  const { code, printed } = await here(`cancel ${naming(key)} --command-id c-1`);
  expect({ code, printed }).toMatchObject({ code: 1, printed: expect.stringMatching(/^requested: .* obeys c-1/) });
  const { printed: story } = await here(`show ${naming(key)}`);
  expect(story).toContain('cancel asked');
});
