import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureInstalled } from '../../bench/harness/install';
import { run } from '../../local/processes';
import { expectEnded, printedPids, runLocal, succeeded, useFolder } from '../support/local-process';

const ROOT = join(__dirname, '..', '..');
const CONTENDERS = [
  ...['postdate', 'postdate-plain', 'postdate-rows', 'batch-update'],
  ...['pg-boss', 'pg-boss-batch', 'graphile-worker', 'bullmq'],
  ...['sleep-activity', 'sleep-local-activity', 'start-delay', 'retry-delay', 'standalone-activity', 'schedules'],
];
// A cluster, and a dozen contenders of about 15 s each; a first run builds the cluster's server as well.
const TIMEOUT_MS = 15 * 60_000;

const folder = useFolder();

it(
  'the burst benchmark carries every contender, each effect once and none early, and leaves nothing running',
  async () => {
    const out = join(folder.path, 'results');
    const sizes = ['--messages', '20', '--lead', '5s', '--plain-messages', '5', '--quiet-seconds', '1'];
    const bench = runLocal('bench/run.ts', { args: ['burst', ...sizes, '--out', out], env: { TMPDIR: folder.path } });
    await succeeded(bench);
    await expectEnded(printedPids(bench.printed()));

    const results = JSON.parse(readFileSync(join(out, 'burst.json'), 'utf8'));
    expect(results).toMatchObject({
      name: 'burst',
      command: expect.stringContaining('npm run bench -- burst --messages 20'),
      commit: expect.any(String),
      machine: { cpu: expect.any(String), cores: expect.any(Number), memoryGb: expect.any(Number) },
      versions: {
        postgresql: expect.any(String),
        'temporal-server': expect.any(String),
        'pg-boss': expect.any(String),
      },
    });
    // Whoever cannot take part here is named, with the reason.
    const leftOut = results.leftOut.map(({ name }: { name: string }) => name);
    expect(leftOut.filter((name: string) => name !== 'bullmq')).toEqual([]);
    expect([...results.contenders.map(({ name }: { name: string }) => name), ...leftOut].sort()).toEqual(
      [...CONTENDERS].sort(),
    );
    const full = CONTENDERS.slice(0, 8);
    for (const contender of results.contenders) {
      const messages = full.includes(contender.name) ? 20 : 5;
      const once = { messages, effects: messages, events: messages, repeated: 0, early: 0, lost: 0, held: 0 };
      expect(contender).toMatchObject(once);
      const { p50, p90, p99, max } = contender.latenessMs;
      expect([p50, p90, p99, max]).toEqual([p50, p90, p99, max].sort((a, b) => a - b));
      const { worker } = contender.cpuSeconds;
      // The kernel counts by hundredths of a second, and one UPDATE takes its worker some three of them.
      if (contender.name === 'batch-update') expect(worker).toBeGreaterThanOrEqual(0);
      else expect({ name: contender.name, works: worker > 0 }).toEqual({ name: contender.name, works: true });
      expect(contender.workerBeforeMb).toBeGreaterThan(0);
      expect(contender.workerPeakMb).toBeGreaterThanOrEqual(contender.workerBeforeMb);
      const isOurs = contender.name.startsWith('postdate');
      expect(contender.kbPerHeldMessage).toEqual(isOurs ? expect.any(Number) : null);
      expect(bench.printed()).toContain(contender.title);
    }

    const chart = readFileSync(join(out, 'burst.svg'), 'utf8');
    expect(chart.match(/<polyline /g)).toHaveLength(results.contenders.length);
  },
  TIMEOUT_MS,
);

it(
  'says in one line what there is when the name or an option is unknown, and starts nothing',
  async () => {
    for (const [args, said] of [
      [['brust'], /^no benchmark "brust"\. There are: burst, .*, morning-run, .*$/],
      [['burst', '--mesages', '5'], /^burst: Unknown option '--mesages'\. There are: --out …, --messages …, .*$/],
      [['burst', '--posting-window', 'soon'], /^--posting-window: must be a duration such as 500ms, 10s, 4m or 1h$/],
      [['burst', '--messages', 'many'], /^--messages: must be a whole number from 1$/],
      [['burst', '--only', 'postdata'], /^--only: no contender postdata\. There are: postdate, .*$/],
    ] as const) {
      const bench = runLocal('bench/run.ts', { args: [...args] });
      expect(await bench.exitCode).toBe(1);
      expect(bench.printed().trim()).toMatch(said);
    }
  },
  TIMEOUT_MS,
);

it(
  'the benchmarks are typed like everything else',
  async () => {
    await ensureInstalled(() => undefined);
    const typescript = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    await run(process.execPath, [typescript, '-p', 'bench'], { cwd: ROOT, timeoutMs: 5 * 60_000 });
  },
  TIMEOUT_MS,
);
