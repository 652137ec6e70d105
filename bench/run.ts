import { type ParseArgsConfig, parseArgs } from 'node:util';
import { type BenchArgs, type BenchContext, withBench } from './harness/context';
import { ensureInstalled } from './harness/install';
import type { ServerChoice } from './harness/servers';
import { UsageError } from './harness/usage-error';

/** What a benchmark's module exports. */
interface BenchModule {
  options: NonNullable<ParseArgsConfig['options']>;
  /** Throws when an option's value makes no sense, before anything is started. */
  check?(args: BenchArgs): void;
  /** Where its servers run and how many; by default one cluster, with the application's database on its server. */
  servers?(args: BenchArgs): ServerChoice;
  run(args: BenchArgs, bench: BenchContext): Promise<void>;
}

interface Bench {
  name: string;
  load: () => Promise<BenchModule>;
}

// Loaded when asked for: each needs its rivals installed.
const benches: Bench[] = [
  { name: 'burst', load: () => import('./burst/burst.js') },
  { name: 'canary', load: () => import('./canary/canary.js') },
  { name: 'capacity', load: () => import('./capacity/capacity.js') },
  { name: 'held', load: () => import('./held/held.js') },
  { name: 'http', load: () => import('./http/http.js') },
  { name: 'idle', load: () => import('./idle/idle.js') },
  { name: 'landing', load: () => import('./landing/landing.js') },
  { name: 'morning-run', load: () => import('./morning-run/morning-run.js') },
  { name: 'pending', load: () => import('./pending/pending.js') },
  { name: 'schedule', load: () => import('./schedule/schedule.js') },
  { name: 'sql', load: () => import('./sql/sql.js') },
  { name: 'sustained', load: () => import('./sustained/sustained.js') },
];

const everyBench = { out: { type: 'string' } } as const;

async function main([name, ...rest]: string[]): Promise<void> {
  const bench = benches.find((one) => one.name === name);
  if (!bench) {
    const known = benches.map((one) => one.name).join(', ');
    throw new UsageError(`${name === undefined ? 'which benchmark?' : `no benchmark "${name}".`} There are: ${known}`);
  }
  await ensureInstalled((line) => process.stdout.write(`${line}\n`));
  const module = await bench.load();
  const options = { ...everyBench, ...module.options };
  const args = parsed(bench.name, options, rest);
  module.check?.(args);
  const command = ['npm run bench --', bench.name, ...rest].join(' ');
  await withBench({ name: bench.name, args, command, servers: module.servers?.(args) }, (context) =>
    module.run(args, context),
  );
}

function parsed(name: string, options: BenchModule['options'], args: string[]): BenchArgs {
  try {
    return parseArgs({ args, options, strict: true }).values as BenchArgs;
  } catch (error) {
    const [problem] = (error as Error).message.split('. ');
    const known = Object.entries(options).map(([option, { type }]) => `--${option}${type === 'string' ? ' …' : ''}`);
    throw new UsageError(`${name}: ${problem}. There are: ${known.join(', ')}`);
  }
}

// A reader may close the pipe (`| head`). The results are in files, and the servers still have to be stopped.
process.stdout.on('error', () => {});

main(process.argv.slice(2)).then(
  () => process.exit(0),
  (error: Error) => {
    process.stderr.write(`${error instanceof UsageError ? error.message : error.stack}\n`);
    process.exit(1);
  },
);
