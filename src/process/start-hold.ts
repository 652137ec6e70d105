import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { createCommandsFirst } from '../delivery/hold/commands-first';
import { startCommandCheck } from '../delivery/hold/commands-in-time';
import { createHold } from '../delivery/hold/hold';
import { startRollCall } from '../delivery/hold/roll-call';
import { startTakeOver } from '../delivery/hold/take-over';
import { createShadowCopies } from '../delivery/lanes/shadow/shadow-copies';
import { createWorkerLanes, startLaneRefresh } from '../delivery/lanes/worker-lanes';
import { startLostAnswers } from '../maintenance/lost-answers';
import { createRecovery } from '../maintenance/recovery';
import { startSweep } from '../maintenance/sweep';
import type { Landed } from '../message/commands';
import type { MessageRef } from '../message/contract';
import { STABLE } from '../message/lane-name';
import { createDatabaseClock } from '../platform/database/clock';
import type { Metrics } from '../platform/telemetry/metrics';
import { runClosedOf } from '../platform/temporal/run-closed';
import { createUnreadableReport } from '../producing/unreadable-report';
import { createWaiting } from '../producing/waiting-runs';
import { wakeRun } from '../producing/wake-run';
import type { Topic } from '../topics/topic';
import type { Config } from './config';

/** What all parts of one worker share. */
export type Shared = { client: Client; pool: Pool; worker: string; metrics: Metrics; log: Logger };
type OnError = (part: string) => (error: unknown) => void;

/** Starts the hold of a worker's lane, and the loops that bring messages into it that another worker held, or none. */
export async function startHold(
  {
    lane,
    build,
    heldMessages,
    landingGroup: groupSize,
    landingTransactions: transactions,
    databaseConnections: connections,
    sweep,
  }: Config,
  topics: Topic[],
  { client, signal, onError, ...connected }: Shared & { signal: AbortSignal; onError: OnError },
) {
  const clock = createDatabaseClock();
  await clock.read(connected.pool);
  const lanes = createWorkerLanes(connected.pool, topics, lane);
  await lanes.refresh();
  const shared = { ...connected, clock, lanes };
  // Copies for shadow lanes are made only of stable's messages: a lane on trial is compared by its own figures.
  const copies = createShadowCopies({ pool: connected.pool, onError: onError('shadow') }, lanes.routing);
  const wake = (message: MessageRef, landed?: Landed) => wakeRun(client, message, landed);
  const waking = { wake, runClosed: runClosedOf(client) };
  const onHeld = lane === STABLE ? copies.copy : undefined;
  const hold = createHold(
    { ...shared, signal, onHeld, waking, onError: onError('landing') },
    { heldMessages, groupSize, transactions, connections },
  );
  const onUnreadable = createUnreadableReport(shared);
  const waiting = createWaiting(client, { onUnreadable });
  const commandsFirst = createCommandsFirst({ ...shared, waiting, onError: onError('deliveries') });
  const takeOver = startTakeOver(
    { ...shared, commandsFirst, build, onError: onError('take-over') },
    hold,
    topics,
    lane,
  );
  const following = startLaneRefresh(lanes, hold, { onError: onError('lanes') });
  const ownLoops = [takeOver, following, copies];
  // Only stable's workers run the roll call and the sweep: a message that was missed is already late and must not go to
  // a trial build.
  if (lane !== STABLE) return { hold, commandsFirst, lanes, loops: ownLoops };
  const recovery = createRecovery(client);
  const lostAnswers = startLostAnswers({ ...shared, recovery, onError: onError('sweep') });
  const asking = { ...shared, waiting, commandsFirst, recovery, lostAnswers };
  const loops = [
    ...ownLoops,
    lostAnswers,
    startRollCall({ ...asking, wake, onError: onError('roll call') }, hold, topics),
    startCommandCheck({ ...asking, onError: onError('roll call') }, hold),
    startSweep({ ...asking, client, onError: onError('sweep') }, hold, topics, sweep),
  ];
  return { hold, commandsFirst, lanes, loops };
}
