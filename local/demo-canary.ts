import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { nanoid } from 'nanoid';
import type { Pool } from 'pg';
import pc from 'picocolors';
import { paymentRequestExpiry } from '../app/payment-requests/expiry';
import { createPaymentRequests } from '../app/payment-requests/requests';
import { changeLane } from '../src/delivery/lanes/change-lane';
import { chooseLane } from '../src/delivery/lanes/choose-lane';
import { readRoutingTable } from '../src/delivery/lanes/routing-table';
import type { LanePatch } from '../src/delivery/lanes/write-lane';
import { canaryReport, deviationsOf, readBuilds, readLandings, type Wave } from './demo-canary-report';
import { until } from './processes';
import type { Stack } from './stack';
import { startWorkerProcess } from './worker-process';

const LANE = 'canary';
const topic = paymentRequestExpiry.name;
/** Which build the demo's two workers are of; the first is everybody's. */
export const BUILDS = { stable: 'v1', [LANE]: 'v2' };

// Two of the twenty are among the first 10 %, and the pilot is one of them: each wave widens the one before.
const PILOT = 'hooli';
const TENANTS = [
  ...[PILOT, 'monarch', 'acme', 'bluth', 'cheers', 'cyberdyne', 'duff', 'genco', 'globex', 'gringotts', 'initech'],
  ...['krusty', 'nakatomi', 'oscorp', 'soylent', 'stark', 'umbrella', 'wayne', 'weyland', 'wonka'],
];
const REQUESTS_EACH = 2;
// Beyond the lead, so that all are held by their lanes when they are due, also on a busy machine.
const DUE_IN_MS = 20_000;
// What no lane lands stable lands two seconds after it was due; a worker that was killed is back a little later.
const PATIENCE_MS = 30_000;

const STEPS: { name: string; rules: LanePatch['rules'] }[] = [
  { name: 'one tenant', rules: [{ tenants: [PILOT] }] },
  { name: '10 %', rules: [{ percent: 10, by: 'tenant' }] },
  { name: 'all', rules: [{ percent: 100, by: 'tenant' }] },
];

interface Options {
  pool: Pool;
  stack: Stack;
  log: (line: string) => void;
}

/** Releases the second version of the expiry to one tenant, then to 10 %, then to all; resolves with what was not as the rules say. */
export async function releaseStepByStep({ pool, stack, log }: Options): Promise<string[]> {
  const canary = await startWorkerProcess({
    program: { name: 'canary worker', file: 'examples/expiry-v2/worker.ts', ready: 'lane worker is running' },
    // Its metrics would be where the first worker has its own.
    env: { ...stack.env, POSTDATE_LANE: LANE, POSTDATE_BUILD: BUILDS[LANE], POSTDATE_METRICS_ADDRESS: '' },
    logFile: join(stack.dataFolder, 'canary.log'),
    log,
  });
  try {
    log(`a worker of the lane ${LANE} runs build ${BUILDS[LANE]} (pid ${canary.pid()}), beside ${BUILDS.stable}\n`);
    const waves: Wave[] = [];
    let builds = new Map<string, string>();
    for (const step of STEPS) {
      waves.push(await play(step, { pool, log }));
      // A worker that is gone in the end has done something nevertheless.
      builds = new Map([...builds, ...(await readBuilds(pool))]);
    }
    const landings = await readLandings(pool, topic, waves);
    log(`\n${canaryReport({ tenants: TENANTS, waves, builds }, landings)}`);
    const deviations = deviationsOf(waves, landings);
    log(
      deviations.length > 0
        ? pc.red(`${deviations.length} not as the rules say:\n${deviations.join('\n')}`)
        : pc.green('every payment request expired once, by the version that the rules name for its tenant'),
    );
    return deviations;
  } finally {
    // Also in a database that the demo was given, and that outlives it.
    await change('stop', { mode: 'stopped', rules: [] }, { pool, reason: 'the demo is over' });
    await canary.stop();
  }
}

const change = (what: 'set' | 'stop', wish: LanePatch, { pool, reason }: { pool: Pool; reason: string }) =>
  changeLane(pool, { topic, lane: LANE, what, author: 'demo', reason }, wish);

/** One step of the release: its rules, then payment requests of all tenants, until the last one has landed. */
async function play(
  { name, rules }: (typeof STEPS)[number],
  { pool, log }: Pick<Options, 'pool' | 'log'>,
): Promise<Wave> {
  await change('set', { mode: 'live', rules }, { pool, reason: `the demo: ${name}` });
  const board = await until(async () => {
    const read = await readRoutingTable(pool, topic);
    if (!read.servedLanes.has(LANE)) throw new Error(`nobody serves ${LANE}`);
    return read;
  }, PATIENCE_MS);

  const { request } = createPaymentRequests({ pool });
  const dueAt = Date.now() + DUE_IN_MS;
  const run = nanoid(8);
  const refs = TENANTS.flatMap((tenant) =>
    Array.from({ length: REQUESTS_EACH }, (_, index) => ({ tenant, id: `demo-${index + 1}.${run}` })),
  );
  for (const ref of refs)
    await request({ ...ref, payer: 'Doe', payee: 'John', amount: '15.00', currency: 'EUR' }, dueAt);
  const expected = new Map(
    refs.map(({ tenant, id: key }) => {
      const { lane } = chooseLane(board, { topic, tenant, key, payload: {} });
      return [`${tenant}/${key}`, { tenant, lane }];
    }),
  );
  const ofLane = new Set([...expected.values()].filter(({ lane }) => lane === LANE).map(({ tenant }) => tenant));
  log(
    `${name}: ${refs.length} payment requests, all due at ${new Date(dueAt).toISOString()}, ${ofLane.size} of ${TENANTS.length} tenants in ${LANE}`,
  );

  const wave = { name, expected };
  const deadline = dueAt + PATIENCE_MS;
  let landed = 0;
  while (landed < refs.length && Date.now() < deadline) {
    await pause(250);
    landed = (await readLandings(pool, topic, [wave])).length;
  }
  return wave;
}
