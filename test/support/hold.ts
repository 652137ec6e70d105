import { setTimeout as pause } from 'node:timers/promises';
import { noopMetricMeter } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createDeliver } from '../../src/activities/deliver';
import type { CommandsFirst } from '../../src/delivery/hold/commands-first';
import { startCommandCheck } from '../../src/delivery/hold/commands-in-time';
import { createHeartbeater } from '../../src/delivery/hold/heartbeater';
import { createHold, type Hold, type HoldLimits } from '../../src/delivery/hold/hold';
import { startRollCall } from '../../src/delivery/hold/roll-call';
import { startTakeOver } from '../../src/delivery/hold/take-over';
import { createShadowCopies } from '../../src/delivery/lanes/shadow/shadow-copies';
import { createWorkerLanes, startLaneRefresh } from '../../src/delivery/lanes/worker-lanes';
import { createRecovery } from '../../src/maintenance/recovery';
import type { Delivery, ScheduledMessage } from '../../src/message/contract';
import type { Decision } from '../../src/message/decision';
import { createDatabaseClock } from '../../src/platform/database/clock';
import { stoppedTogether } from '../../src/platform/loops/background-loop';
import { createMetrics, type Metrics } from '../../src/platform/telemetry/metrics';
import { createUnreadableReport } from '../../src/producing/unreadable-report';
import { createWaiting } from '../../src/producing/waiting-runs';
import { wakeRun } from '../../src/producing/wake-run';
import type { Topic } from '../../src/topics/topic';
import type { TestDatabase } from './database';
import { quietLogger } from './quiet-runtime';
import { silentLog } from './silent-log';
import type { TestTemporal } from './temporal';

/** What a hold has reported, by the name of the metric, in the order of the reports. */
export type Reported = { [Name in keyof Metrics]: Parameters<Metrics[Name]>[] };

export interface TestHold {
  hold: Hold;
  worker: string;
  reported: Reported;
  errors: unknown[];
  /** Has the real activity hold and land a message, as a worker does. */
  deliver(topic: Topic, message: ScheduledMessage, fields?: { late?: boolean; wakeAt?: number }): Promise<Decision>;
  /** As a worker that is told to stop. */
  leave(): Promise<void>;
  /** As a worker that has been dead for a while: it lands nothing more, hands nothing back, and is known to be gone. */
  kill(): Promise<void>;
}

/** Only where a test has a Temporal to ask are there commands to wait for. */
export const landsAtOnce: CommandsFirst = {
  untilDecided: async () => undefined,
  landInOrder: async (deliveries, land) => land(deliveries),
};

function reports(): { metrics: Metrics; reported: Reported } {
  const names = Object.keys(createMetrics(noopMetricMeter)) as (keyof Metrics)[];
  const reported = Object.fromEntries(names.map((name) => [name, []])) as unknown as Reported;
  const report =
    (name: keyof Metrics) =>
    (...values: unknown[]) =>
      void (reported[name] as unknown[]).push(values);
  return { metrics: Object.fromEntries(names.map((name) => [name, report(name)])) as unknown as Metrics, reported };
}

/** Holds on the file's database, each like a worker process of its own; ended when the file is done. */
export function useHolds(database: TestDatabase) {
  const ends: (() => Promise<unknown>)[] = [];
  afterAll(() => Promise.all(ends.map((end) => end())));

  return async function startHold(
    topics: Topic[],
    limits: Partial<HoldLimits> = {},
    { aheadMs = 0, temporal, lane }: { aheadMs?: number; temporal?: TestTemporal; lane?: string } = {},
  ): Promise<TestHold> {
    const over = new AbortController();
    const right = createDatabaseClock();
    await right.read(database.pool);
    const clock = { now: () => right.now() + aheadMs, read: right.read };
    const errors: unknown[] = [];
    const onError = (error: unknown) => void errors.push(error);
    const worker = `worker-${Math.random()}`;
    const { metrics, reported } = reports();
    const lanes = createWorkerLanes(database.pool, topics, lane);
    await lanes.refresh();
    const shared = { pool: database.pool, worker, lanes, clock, metrics, log: silentLog, onError };
    const copies = createShadowCopies(shared, lanes.routing);
    const hold = createHold(
      { ...shared, onHeld: lane === undefined ? copies.copy : undefined, signal: over.signal },
      { heldMessages: 10_000, groupSize: 500, transactions: 2, connections: 20, ...limits },
    );
    const takeOver = startTakeOver({ ...shared, commandsFirst: landsAtOnce }, hold, topics, lane);
    const following = startLaneRefresh(lanes, hold, { onError });
    const onUnreadable = createUnreadableReport(shared);
    // Only where a test has a Temporal to ask.
    const lostAnswers = { watch: () => undefined };
    const wake = (message: ScheduledMessage) => wakeRun((temporal as TestTemporal).client, message);
    const asked = temporal ? [createWaiting(temporal.client, { onUnreadable })] : [];
    const rollCall = stoppedTogether(
      asked.flatMap((waiting) => [
        startRollCall({ ...shared, waiting, lostAnswers, wake }, hold, topics),
        startCommandCheck({ waiting, recovery: createRecovery((temporal as TestTemporal).client), onError }, hold),
      ]),
    );
    const heartbeater = createHeartbeater();
    const end = async () => {
      over.abort();
      hold.handBack();
      await Promise.all([rollCall.stop(), following.stop(), takeOver.stop(), copies.stop(), hold.stop()]);
    };
    ends.push(end);
    return {
      hold,
      worker,
      reported,
      errors,
      deliver: (topic, message, { late = false, wakeAt } = {}): Promise<Decision> =>
        new MockActivityEnvironment({}, { logger: quietLogger }).run(
          // Not asked as one who knows lanes, it answers with a decision.
          createDeliver({
            topic,
            hold,
            heartbeater,
            runClosed: () => pause(1),
            commandsFirst: landsAtOnce,
          }) as (input: Delivery) => Promise<Decision>,
          {
            message,
            late,
            wakeAt,
          },
        ),
      async leave() {
        hold.handBack();
        await Promise.all([rollCall.stop(), following.stop(), takeOver.stop()]);
      },
      async kill() {
        over.abort();
        await Promise.all([rollCall.stop(), following.stop(), takeOver.stop(), copies.stop(), hold.stop()]);
      },
    };
  };
}
