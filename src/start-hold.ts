import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type { Config } from './config';
import { createDatabaseClock } from './database-clock';
import { createHold } from './hold/hold';
import { startRollCall } from './hold/roll-call';
import { startTakeOver } from './hold/take-over';
import { createWaiting } from './hold/waiting';
import { createLanes, startFollowing } from './lanes/following';
import { STABLE } from './lanes/lane';
import { createShadowCopies } from './lanes/shadow/copies';
import type { Metrics } from './metrics';
import { createRevival } from './sweep/revival';
import { startSweep } from './sweep/sweep';
import type { Topic } from './topic';

/** What all parts of one worker have in common. */
export type Shared = { client: Client; pool: Pool; worker: string; metrics: Metrics; log: Logger };
type OnError = (part: string) => (error: unknown) => void;

/** The hold of a worker's lane, and the loops that bring into it what another worker held, or nobody. */
export async function startHold(
  { lane, build, heldMessages, landingGroup: groupSize, landingTransactions: transactions, sweep }: Config,
  topics: Topic[],
  { client, signal, onError, ...connected }: Shared & { signal: AbortSignal; onError: OnError },
) {
  const clock = createDatabaseClock();
  await clock.read(connected.pool);
  const lanes = createLanes(connected.pool, topics, lane);
  await lanes.read();
  const shared = { ...connected, clock, lanes };
  // Only what stable holds is copied: a lane's own trial says how it does.
  const copies = createShadowCopies({ pool: connected.pool, onError: onError('shadow') }, lanes.board);
  const onHeld = lane === STABLE ? copies.copy : undefined;
  const hold = createHold(
    { ...shared, signal, onHeld, onError: onError('landing') },
    { heldMessages, groupSize, transactions },
  );
  const takeOver = startTakeOver({ ...shared, build, onError: onError('take-over') }, hold, topics, lane);
  const following = startFollowing(lanes, hold, { onError: onError('lanes') });
  const lookingAfterOwn = [takeOver, following, copies];
  // What nobody came for is stable's to look after: it is late already, and no time for trials.
  if (lane !== STABLE) return { hold, loops: lookingAfterOwn };
  const asking = { ...shared, waiting: createWaiting(client) };
  const loops = [
    ...lookingAfterOwn,
    startRollCall({ ...asking, onError: onError('roll call') }, hold, topics),
    startSweep({ ...asking, revival: createRevival(client), onError: onError('sweep') }, hold, topics, sweep),
  ];
  return { hold, loops };
}
