import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { withClient } from '../local/databases';
import { checkEnd } from './checks';
import { type DiaryLine, readLines } from './diary';
import { playFaults } from './faults';
import { startParts } from './parts';
import { type Plan, planOf } from './plan';
import { startSnapshots } from './snapshots';

const log = (line: string) => process.stdout.write(`${new Date().toISOString()} ${line}\n`);
// After the last fault, everything overdue has this long to land.
const LIVENESS_MS = 60_000;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '10' },
      seed: { type: 'string', default: String(Date.now() % 100_000) },
      out: { type: 'string' },
      calm: { type: 'boolean', default: false },
    },
  });
  const plan = planOf(Number(values.seed), Number(values.minutes));
  if (values.calm) plan.faults = [];
  // PostgreSQL's account has to enter it.
  const folder = await mkdtemp(join(tmpdir(), 'postdate-chaos-'));
  await chmod(folder, 0o755);
  const planFile = join(folder, 'plan.json');
  await writeFile(planFile, JSON.stringify(plan));
  const requests = plan.requests.flat().length;
  log(`seed ${plan.seed}: ${requests} requests, ${plan.faults.length} faults, plan in ${planFile}`);
  let sound = false;
  const parts = await startParts(folder, log);
  try {
    const snapshots = startSnapshots(parts.databaseUrl);
    const startedAt = Date.now();
    await parts.startProducers(planFile, startedAt);
    const struck = await playFaults(plan.faults, parts, { startedAt, log });
    await pause(Math.max(0, startedAt + plan.minutes * 60_000 - Date.now()));
    const healedAt = Date.now();
    log('healed');
    const diaries = [0, 1].map((number) => join(folder, `producer${number}.ndjson`));
    const landedAfterMs = await untilOver(parts.databaseUrl, plan, diaries);
    const findings = await snapshots.stop();
    const { violations, figures } = await checkEnd(parts.databaseUrl, {
      diaries,
      deliveries: join(folder, 'deliveries.ndjson'),
      findings,
    });
    if (landedAfterMs === undefined) violations.push({ invariant: 'I15', what: 'not all was over in time', ids: [] });
    const result = { seed: plan.seed, minutes: plan.minutes, struck, figures, landedAfterMs, healedAt, violations };
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    if (values.out) {
      await mkdir(values.out, { recursive: true });
      await writeFile(join(values.out, `seed-${plan.seed}.json`), JSON.stringify(result, null, 2));
    }
    log(violations.length > 0 ? `NOT SOUND; everything is in ${folder}` : 'sound');
    sound = violations.length === 0;
    return sound ? 0 : 1;
  } finally {
    await parts.stop();
    if (sound) await rm(folder, { recursive: true, force: true });
  }
}

/**
 * How long it took until every planned command was answered, nothing that is due waits, and everyone has heard everything;
 * undefined when what was overdue took longer than it may.
 */
async function untilOver(databaseUrl: string, plan: Plan, diaries: string[]): Promise<number | undefined> {
  const planned = plan.requests.flat();
  const operations = planned.length + planned.filter(({ command }) => command).length;
  const beganAt = Date.now();
  for (;;) {
    const answered = diaries.flatMap((file) => readLines<DiaryLine>(file)).filter(({ phase }) => phase === 'ok').length;
    const { waiting, overdue, unheard } = await withClient(databaseUrl, async (db) => {
      const { rows } = await db.query(`
        select (select count(*)::int from payments.payment_request where status = 'PENDING') as waiting,
               (select count(*)::int from payments.payment_request
                 where status = 'PENDING' and due_at < clock_timestamp() - interval '60 seconds') as overdue,
               (select count(*)::int from postdate.outbox where position is null)
                 + (select count(*)::int from postdate.consumer, postdate.stream_head
                     where consumer.position < stream_head.position) as unheard`);
      return rows[0];
    });
    if (waiting === 0 && unheard === 0 && answered >= operations) return Date.now() - beganAt;
    // What was posted last is due half a minute later, and is not late before.
    if ((overdue > 0 && Date.now() - beganAt > LIVENESS_MS) || Date.now() - beganAt > 3 * LIVENESS_MS) return undefined;
    await pause(500);
  }
}

main().then(
  (code) => process.exit(code),
  (error: Error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(2);
  },
);
