import type { Client } from '@temporalio/client';
import { schedule } from '../../src/client';
import { type EffectCounts, outboxEvents } from '../harness/commit-times';
import type { BenchContext } from '../harness/context';
import type { Percentiles } from '../harness/lateness';
import { meterCores } from '../harness/shares';
import { measureFlow } from '../sustained/flow';
import { findMaximum } from '../sustained/maximum';
import { maximumOf } from '../sustained/report';
import type { Due } from '../sustained/shapes';
import type { Installation } from './installation';
import { type PartSeconds, partsOf, perThousand } from './parts';

/** What messages that come and land evenly cost, and how many a second are kept up. */
export interface Steady extends EffectCounts {
  messages: number;
  latenessMs: Percentiles;
  perSecond: number;
  inPerSecond: number;
  unclosed: number;
  /** The whole life of a message, from its post to the end of its workflow. */
  cpuSecondsPer1000: PartSeconds;
  /** The highest rate that was kept up; absent if it was not looked for. */
  maximumPerSecond?: number;
}

export interface Rate {
  perSecond: number;
  seconds: number;
  aheadMs: number;
  /** For how long each higher rate is tried. Undefined: none is. */
  stepSeconds?: number;
}

/**
 * Puts messages through an installation at an even rate, and then at ever higher rates until one is not kept up. The installation has
 * landed a burst before, so caches and connections are warm.
 */
export async function measureSteady(
  bench: BenchContext,
  client: Client,
  installation: Installation,
  { perSecond, seconds, aheadMs, stepSeconds }: Rate,
): Promise<Steady> {
  const { topics, workers } = installation;
  const post = (_: unknown, { run, id, dueAt }: Due) =>
    schedule(client, { topic: topics.flow, tenant: run, key: id, dueAt, payload: {} });
  const flowing = { client, shape: { events: outboxEvents, post }, workerPids: workers.map(({ pid }) => pid) };
  let flows = 0;
  const measure = async (rate: number, forSeconds: number) => {
    flows += 1;
    const run = `flow-${workers.length}-${flows}`;
    const used = meterCores(partsOf(bench.cluster, [installation]));
    const flow = await measureFlow(bench, flowing, { run, perSecond: rate, seconds: forSeconds, aheadMs });
    const { cores, elapsedSeconds } = used.read();
    return { ...flow, parts: perThousand(cores, elapsedSeconds, flow.messages) };
  };
  const { parts, ...flow } = await measure(perSecond, seconds);
  const steps =
    stepSeconds === undefined ? undefined : await findMaximum(perSecond, (rate) => measure(rate, stepSeconds));
  const { messages, effects, events, repeated, early, latenessMs, inPerSecond, unclosed } = flow;
  return {
    ...{ messages, effects, events, repeated, early, latenessMs, perSecond, inPerSecond, unclosed },
    cpuSecondsPer1000: parts,
    ...(steps && { maximumPerSecond: maximumOf(steps).perSecond }),
  };
}
