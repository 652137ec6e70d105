import { nanoid } from 'nanoid';
import { schedule } from '../../src/client';
import { useDatabase } from '../support/database';
import { effectsSchema, effectTopic } from '../support/effects';
import { type LocalProcess, printedPids, useFolder } from '../support/local-process';
import { useTemporal } from '../support/temporal';
import { CTRL_C, cursorAfter, itOnTerminal, onTerminal } from '../support/terminal';

const database = useDatabase(effectsSchema);
const temporal = useTemporal();
// Ends what is left of the processes.
useFolder();
const topic = effectTopic();
const parts = { topics: [topic], consumers: [], schemas: [] };
const HOME = '\u001b[H\u001b[J';

const watch = (tenant: string, rows?: number) =>
  onTerminal('test/cli/effects-program.ts', ['watch', '--tenant', tenant], {
    env: { DATABASE_URL: database.url, ...temporal.env() },
    rows,
  });
const screensOf = (printed: string) =>
  printed
    .split(HOME)
    .slice(1)
    .map((screen) => screen.split('\r\n'));
async function post(tenant: string, dueAt: number): Promise<string> {
  const key = nanoid();
  await schedule(temporal.client, { topic, tenant, key, dueAt, payload: { note: 'n' } });
  return key;
}

itOnTerminal('a watch is drawn again as messages come and land, and gives the cursor back at Ctrl-C', () =>
  temporal.withWorker(database, parts, async () => {
    const next = await post('acme', Date.now() + 1_800_000);
    const watching = watch('acme');
    await watching.prints(new RegExp(`due next(?:(?!decided)[\\s\\S])*acme/${next}`));
    // The control: nothing has landed so far.
    expect(watching.printed()).not.toContain('delivered');
    expect(cursorAfter(watching.printed())).toBe('hidden');

    const landed = await post('acme', Date.now() - 1);
    await watching.prints(new RegExp(`delivered.*acme/${landed} cycle 1`));
    watching.types(CTRL_C);
    expect(await watching.ended).toBe(0);

    const printed = watching.printed();
    expect(cursorAfter(printed)).toBe('shown');
    expect(printed).not.toContain('error');
    const screens = screensOf(printed);
    expect(screens.length).toBeGreaterThan(1);
    // Each is a whole one, from its top; the last one has what waits as well as what has landed.
    for (const screen of screens) expect(screen[0]).toMatch(/^20.*Z {3}Ctrl-C ends this$/);
    expect(screens.at(-1)?.join('\n')).toMatch(new RegExp(`${next}[\\s\\S]*decided +outcome[\\s\\S]*${landed}`));
  }),
);

itOnTerminal('a watch of more than fits shows its top, and ends well at SIGTERM', async () => {
  await Promise.all(Array.from({ length: 8 }, () => post('crowded', Date.now() + 1_800_000)));
  const seen = (watching: LocalProcess) => watching.prints(/crowded\/[\s\S]*Ctrl-C/);
  const small = watch('crowded', 12);
  await seen(small);
  const [pid] = printedPids(small.printed());
  process.kill(pid as number, 'SIGTERM');
  expect(await small.ended).toBe(0);
  expect(cursorAfter(small.printed())).toBe('shown');
  // What follows the last one is where the cursor stands.
  for (const screen of screensOf(small.printed())) {
    expect(screen).toHaveLength(12);
    expect(screen[0]).toContain('Ctrl-C');
    expect(screen.filter((line) => line.includes('crowded/')).length).toBeLessThan(8);
  }

  // The control: there are more of them.
  const large = watch('crowded', 40);
  await seen(large);
  large.types(CTRL_C);
  expect(await large.ended).toBe(0);
  const last = screensOf(large.printed()).at(-1);
  expect(last?.filter((line) => line.includes('crowded/'))).toHaveLength(8);
});

itOnTerminal('a watch that cannot go on says so with exit code 2, and gives the cursor back', async () => {
  const watching = watch('acme');
  await watching.prints(/Ctrl-C/);
  await database.pool.query('alter table postdate.held rename to gone');
  try {
    expect(await watching.ended).toBe(2);
    expect(watching.printed()).toMatch(/error: .*held.*\r\n$/);
    expect(cursorAfter(watching.printed())).toBe('shown');
  } finally {
    await database.pool.query('alter table postdate.gone rename to held');
  }
});
