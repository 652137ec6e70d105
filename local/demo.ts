import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { nanoid } from 'nanoid';
import type { Pool } from 'pg';
import pc from 'picocolors';
import { createPool } from '../src/platform/database/pool';
import { readConfig } from '../src/process/config';
import { BUILDS, releaseStepByStep } from './demo-canary';
import { showEvents } from './demo-events';
import { type DemoLine, expectedCounts, readDemoInput } from './demo-input';
import { deviations, readOutcome, report } from './demo-report';
import { type DemoProducer, readDemoArguments, startProducer, type Via } from './demo-via';
import { type Stack, startStack, toldToStop } from './stack';

const INPUT = join(__dirname, '..', 'examples', 'payment-requests.csv');
// After the last due time: a worker killed in the meantime needs 10 s to be missed and as long to be back.
const PATIENCE_MS = 90_000;

const log = (line: string) => process.stdout.write(`${line}\n`);

/** Runs the input through the real service A; resolves with this run's ids when every step has been taken. */
async function play(lines: DemoLine[], run: string, requests: DemoProducer): Promise<string[]> {
  const idOf = (line: DemoLine) => line.id + run;

  async function live(line: DemoLine): Promise<void> {
    const { tenant, payer, payee, amount, currency } = line;
    const ref = { tenant, id: idOf(line) };
    const expiresAt = Date.now() + line.expires_in_seconds * 1000;
    await requests.request({ ...ref, payer, payee, amount, currency }, expiresAt);
    if (line.action === '') return;
    await pause(line.action_after_seconds * 1000);
    if (line.action === 'pay') await requests.pay(ref);
    if (line.action === 'cancel') await requests.cancel(ref);
    if (line.action === 'extend') await requests.extend(ref, expiresAt + line.extend_by_seconds * 1000);
  }

  const lives = lines.map(async (line, index) => {
    // As requests come in: one after the other, not all in one instant.
    await pause(index * 50);
    await live(line);
  });
  await Promise.all(lives);
  return lines.map(idOf);
}

/** The day of the input, with the events as they come; resolves with what did not end as the input says. */
async function playTheDay(via: Via, { pool, stack }: { pool: Pool; stack: Stack }): Promise<string[]> {
  const lines = readDemoInput(INPUT);
  const expected = expectedCounts(lines);
  const tenants = lines.map(({ tenant }) => tenant);
  const producer = await startProducer(via, { pool, env: stack.env, tenants, dataFolder: stack.dataFolder, log });
  try {
    const head = await pool.query('select position from postdate.stream_head');
    if (stack.waitingUrl) log(`watch them wait: ${stack.waitingUrl}\n`);
    // In every id, so that the demo can run again in a database that has seen it.
    const run = `.${nanoid(8)}`;
    const shown = showEvents(pool, { from: Number(head.rows[0].position), run, total: lines.length });

    const ids = await play(lines, run, producer);
    const lastDueInMs = Math.max(...lines.map((line) => line.expires_in_seconds)) * 1000;
    const deadline = Date.now() + lastDueInMs + PATIENCE_MS;
    let outcome = await readOutcome(pool, ids);
    while (deviations(expected, outcome).length > 0 && Date.now() < deadline) {
      await pause(500);
      outcome = await readOutcome(pool, ids);
    }
    await shown.stop();

    log(`\n${report(expected, outcome)}`);
    const off = deviations(expected, outcome);
    if (stack.waitingUrl) log(`Web UI: ${stack.waitingUrl.split('?')[0]}`);
    log(
      off.length
        ? pc.red(`not as the input says: ${off.join('; ')}`)
        : pc.green('every payment request ended once, as the input says'),
    );
    return off;
  } finally {
    await producer.stop();
  }
}

async function main({ via, canary, keep }: ReturnType<typeof readDemoArguments>): Promise<number> {
  const told = toldToStop();
  const dataFolder = await mkdtemp(join(tmpdir(), 'postdate-demo-'));
  // Started by root, PostgreSQL runs under another account, which must be able to enter.
  await chmod(dataFolder, 0o755);
  const env = canary ? { ...process.env, POSTDATE_BUILD: BUILDS.stable } : process.env;
  const stack = await startStack({ dataFolder, env, log });
  const config = readConfig(stack.env);
  const pool = createPool(config.databaseUrl, {
    connections: 10,
    onError: (error) => log(`database: ${error.message}`),
  });
  try {
    const off = canary ? await releaseStepByStep({ pool, stack, log }) : await playTheDay(via, { pool, stack });
    if (keep) {
      log(`The stack keeps running (DATABASE_URL=${config.databaseUrl}); Ctrl-C stops it.`);
      await told;
    }
    return off.length ? 1 : 0;
  } finally {
    await pool.end();
    await stack.stop();
    await rm(dataFolder, { recursive: true, force: true });
  }
}

function given() {
  try {
    return readDemoArguments(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exit(2);
  }
}

main(given()).then(
  (exitCode) => process.exit(exitCode),
  (error: Error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  },
);
