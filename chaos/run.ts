import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { toldToStop } from '../local/stack';
import { withBurst } from './plan/burst-plan';
import { keepCase, readPlan } from './plan/cases';
import { lostTimersPlan, outagePlan } from './plan/measure-plans';
import { type Plan, planOf } from './plan/plan';
import { play } from './play';
import { report } from './report';

const log = (line: string) => void process.stdout.write(`${new Date().toISOString()} ${line}\n`);

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string' },
    /** A plan that was kept, instead of a seed. */
    plan: { type: 'string' },
    /** The same operations without any fault; the sweep has to be idle. */
    calm: { type: 'boolean', default: false },
    /** No other fault than the stranger. */
    stranger: { type: 'boolean', default: false },
    /** So many messages more, due at one instant of the run. */
    burst: { type: 'string' },
    /** Calm, and what must not grow is looked at. */
    soak: { type: 'boolean', default: false },
    /** A measurement instead of a plan by seed. */
    measure: { type: 'string' },
    /** Within which everything overdue has to land after the last fault. A machine that is shared may need more than 60. */
    'liveness-seconds': { type: 'string' },
    /** Writes results there; otherwise nowhere. */
    out: { type: 'string' },
  },
});

const MEASURES: Record<string, () => Plan> = {
  'outage-temporal': () => outagePlan('temporal'),
  'outage-postgres': () => outagePlan('postgres'),
  'lost-timers': lostTimersPlan,
};

const SOAK_SHARE = 4;

async function chosenPlan(): Promise<{ name: string; plan: Plan }> {
  if (values.plan) return { name: 'plan', plan: await readPlan(values.plan) };
  if (values.measure !== undefined) {
    const plan = MEASURES[values.measure]?.();
    if (!plan) throw new Error(`--measure must be one of ${Object.keys(MEASURES).join(', ')}`);
    return { name: values.measure, plan };
  }
  const seed = Number(values.seed ?? Date.now() % 100_000);
  const minutes = Number(values.minutes);
  if (!(seed >= 0 && minutes > 0)) throw new Error('--seed and --minutes must be numbers');
  const plan = planOf(seed, minutes);
  if (values.burst !== undefined) {
    const burst = Number(values.burst);
    if (!(burst > 0)) throw new Error('--burst must be a number');
    return { name: `seed-${seed}-burst-${burst}`, plan: withBurst(plan, burst) };
  }
  if (values.stranger) {
    return {
      name: `stranger-${seed}`,
      plan: { ...plan, faults: plan.faults.filter(({ kind }) => kind === 'stranger') },
    };
  }
  if (!values.calm && !values.soak) return { name: `seed-${seed}`, plan };
  if (!values.soak) return { name: 'calm', plan: { ...plan, faults: [] } };
  // A load that a machine bears for days.
  const some = <Item>(items: Item[]) => items.filter((_, place) => place % SOAK_SHARE === 0);
  const producers = plan.producers.map(({ requests, beats }) => ({ requests: some(requests), beats: some(beats) }));
  return { name: 'soak', plan: { ...plan, producers, faults: [] } };
}

async function main(): Promise<number> {
  const { name, plan } = await chosenPlan();
  const messages = plan.producers.reduce((sum, { requests, beats }) => sum + requests.length + beats.length, 0);
  log(`${name}: ${messages} messages and ${plan.faults.length} faults in ${plan.minutes} minutes`);
  const folder = await mkdtemp(join(tmpdir(), 'postdate-chaos-'));
  // PostgreSQL's account has to enter it.
  await chmod(folder, 0o755);
  let told = false;
  const interrupted = toldToStop().then((): never => {
    told = true;
    log('stopping');
    throw new Error('broken off');
  });
  // How long a measurement takes is what it is about.
  const livenessMs = Number(values['liveness-seconds'] ?? (values.measure ? 900 : 60)) * 1_000;
  const outcome = await play(plan, { folder, livenessMs, log, interrupted }).finally(() =>
    // Of a run that was broken off nothing is to be learnt.
    told ? rm(folder, { recursive: true, force: true }) : undefined,
  );
  await writeFile(join(folder, 'outcome.json'), JSON.stringify(outcome, null, 2));
  await report(name, plan, outcome, { command: process.argv.slice(2), out: values.out && resolve(values.out) });
  const sound = outcome.violations.length === 0;
  log(sound ? 'sound' : `NOT SOUND; everything is in ${folder}, the plan in ${await keepCase(name, plan)}`);
  if (sound) await rm(folder, { recursive: true, force: true });
  return sound ? 0 : 1;
}

main().then(
  (code) => process.exit(code),
  (error: Error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(2);
  },
);
