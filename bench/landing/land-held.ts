import { noopMetricMeter } from '@temporalio/common';
import type { Pool } from 'pg';
import { newHeldMessage } from '../../src/delivery/held/held-message';
import { createHeldMessages } from '../../src/delivery/held/held-messages';
import { createQueues } from '../../src/delivery/landing/queues';
import type { LandingLimits } from '../../src/delivery/landing/topic-queues';
import { createWorkerLanes } from '../../src/delivery/lanes/worker-lanes';
import type { Delivery } from '../../src/message/contract';
import { createMetrics } from '../../src/platform/telemetry/metrics';
import type { Topic } from '../../src/topics/topic';

/** What landing so many held messages took, by the clock and by the CPU of this process. */
export interface Landed {
  seconds: number;
  workerCpuSeconds: number;
}

/**
 * Holds deliveries of one topic that are due already, in a store of held messages as a worker has it, and lands them flat out with
 * the worker's own landing queues. The time runs from the first that is due to the last that is settled. Throws if one of them is
 * not decided by its landing.
 */
export async function landHeld(
  pool: Pool,
  topic: Topic,
  deliveries: Delivery[],
  limits: LandingLimits,
): Promise<Landed> {
  const stopping = new AbortController();
  try {
    return await new Promise((resolve, reject) => {
      const messages = createHeldMessages({ clock: { now: Date.now }, onError: reject });
      const deps = {
        ...{ pool, metrics: createMetrics(noopMetricMeter), lanes: createWorkerLanes(pool, [topic]) },
        ...{ signal: stopping.signal, onError: reject },
      };
      let startedAt = 0;
      let cpuBefore = process.cpuUsage();
      // Before the queues listen: the time runs when the first message is due.
      messages.on('due', () => {
        if (startedAt > 0) return;
        cpuBefore = process.cpuUsage();
        startedAt = performance.now();
      });
      createQueues(deps, limits, messages);
      let left = deliveries.length;
      messages.on('settled', (_, settlement) => {
        if (settlement.kind !== 'decided' || settlement.before) {
          return reject(new Error(`a message was ${settlement.kind}, and not decided by its landing`));
        }
        left -= 1;
        if (left > 0) return;
        const { user, system } = process.cpuUsage(cpuBefore);
        resolve({ seconds: (performance.now() - startedAt) / 1_000, workerCpuSeconds: (user + system) / 1_000_000 });
      });
      for (const delivery of deliveries) messages.hold(newHeldMessage(topic, delivery, { heldWhenDue: true }));
    });
  } finally {
    stopping.abort();
  }
}
