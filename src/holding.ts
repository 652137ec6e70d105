import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type { Config } from './config';
import { createDatabaseClock } from './database-clock';
import { createHold } from './hold/hold';
import { startRollCall } from './hold/roll-call';
import { startTakeOver } from './hold/take-over';
import { createWaiting } from './hold/waiting';
import type { Installation } from './installation';
import type { Metrics } from './metrics';
import { createRevival } from './sweep/revival';
import { startSweep } from './sweep/sweep';

/** What all parts of one worker have in common. */
export type Shared = { client: Client; pool: Pool; worker: string; metrics: Metrics; log: Logger };
type OnError = (part: string) => (error: unknown) => void;

/** The hold, and the loops that bring into it what another worker held, or nobody. */
export async function startHolding(
  { heldMessages, landingGroup: groupSize, landingTransactions: transactions, sweep }: Config,
  { topics }: Installation,
  { client, signal, onError, ...connected }: Shared & { signal: AbortSignal; onError: OnError },
) {
  const clock = createDatabaseClock();
  await clock.read(connected.pool);
  const shared = { ...connected, clock };
  const hold = createHold(
    { ...shared, signal, onError: onError('landing') },
    { heldMessages, groupSize, transactions },
  );
  const asking = { ...shared, waiting: createWaiting(client) };
  return {
    hold,
    takeOver: startTakeOver({ ...shared, onError: onError('take-over') }, hold, topics),
    rollCall: startRollCall({ ...asking, onError: onError('roll call') }, hold, topics),
    sweep: startSweep({ ...asking, revival: createRevival(client), onError: onError('sweep') }, hold, topics, sweep),
  };
}
