import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { connectClient } from '../src/platform/temporal/client';
import { violationsIn } from './checks/checks';
import { gather } from './checks/evidence';
import { figuresOf } from './checks/figures';
import { violationsOfTheRun } from './checks/run';
import type { Plan } from './plan/plan';
import { playFaults } from './system/faults';
import { type Parts, QUICK_SWEEP, startParts } from './system/parts';
import { sampleGrowth } from './watch/growth';
import { watchOverdue } from './watch/overdue';
import { countRescues } from './watch/rescues';
import { settle } from './watch/settling';
import { takeSnapshots } from './watch/snapshots';

interface PlayOptions {
  folder: string;
  /** After the last fault everything overdue has this long to land. */
  livenessMs: number;
  log(line: string): void;
}

/**
 * Plays a plan on a system of its own in this folder, and tells all that came of it. Nothing of the system is left when this
 * is over, also when `interrupted` rejects.
 */
export async function play(plan: Plan, { interrupted, ...options }: PlayOptions & { interrupted: Promise<never> }) {
  // Without faults it is to be seen that the sweep, as it is delivered, rescues nothing.
  const settings = plan.faults.length > 0 ? QUICK_SWEEP : {};
  const starting = startParts(options.folder, { settings, log: options.log });
  try {
    return await Promise.race([starting.then((parts) => playOn(parts, plan, options)), interrupted]);
  } finally {
    // What is only just being started has to be there before it can be stopped.
    await starting.then((parts) => parts.stop());
  }
}

async function playOn(parts: Parts, plan: Plan, { folder, livenessMs, log }: PlayOptions) {
  const planFile = join(folder, 'plan.json');
  await writeFile(planFile, JSON.stringify(plan));
  // Its close waits for calls that a stranger's act has left to be retried. Without that they would end this process, and
  // hide the error that has ended the run.
  const { client, close } = await connectClient({
    namespace: 'default',
    connectionOptions: { address: parts.temporal.address() },
  });
  try {
    const databaseUrl = parts.postgres.url;
    const snapshots = takeSnapshots(databaseUrl, parts.files.diaries);
    const rescues = countRescues(parts.metricsUrls);
    const growth = sampleGrowth(parts);
    const startedAt = Date.now();
    const overdue = watchOverdue(databaseUrl, plan, startedAt);
    await parts.startProducers(planFile, startedAt);
    const struck = await playFaults(plan.faults, parts, { client, startedAt, log });
    await pause(Math.max(0, startedAt + plan.minutes * 60_000 - Date.now()));
    log('the last fault is healed');
    const settled = await settle(plan, { databaseUrl, client, overdue, diaries: parts.files.diaries }, livenessMs);
    const found = { snapshots: await snapshots.stop(), rescues: await rescues.stop(), curve: await overdue.stop() };
    const evidence = await gather({ databaseUrl, client }, parts.files);
    const violations = [...violationsIn(evidence, plan), ...violationsOfTheRun(plan, { ...found, settled, struck })];
    // The databases end with the run; what is asked of it afterwards has to be here.
    await writeFile(join(folder, 'evidence.json'), JSON.stringify({ ...evidence, startedAt, curve: found.curve }));
    return {
      struck,
      settled,
      figures: { ...figuresOf(evidence), snapshots: found.snapshots.taken },
      rescues: found.rescues,
      growth: await growth.stop(),
      curve: found.curve,
      violations,
    };
  } finally {
    await close();
  }
}
