import { setTimeout as pause } from 'node:timers/promises';
import { NativeConnection, type NativeConnectionOptions } from '@temporalio/worker';
import { ensureSearchAttributes } from './search-attributes';

// An outage is a matter of seconds at least, and whoever ends it does not wait for this.
const PAUSE_MS = 2_000;
// What waiting does not cure: a person has to.
const FOR_GOOD = /unauthenticated|permission ?denied|invalid ?argument|not ?found|another type|certificate/i;

/**
 * Connects to Temporal and sees to it that the namespace knows our search attributes, however long Temporal is away. Undefined
 * when it was told to stop before; throws what waiting does not cure.
 */
export async function connectToTemporal(
  options: NativeConnectionOptions,
  { namespace, signal, onAway }: { namespace: string; signal: AbortSignal; onAway(error: unknown): void },
): Promise<NativeConnection | undefined> {
  while (!signal.aborted) {
    let connection: NativeConnection | undefined;
    try {
      connection = await NativeConnection.connect(options);
      await ensureSearchAttributes(connection, namespace);
      return connection;
    } catch (error) {
      await connection?.close();
      if (FOR_GOOD.test((error as Error).message)) throw error;
      onAway(error);
    }
    // Only the abort rejects.
    await pause(PAUSE_MS, undefined, { signal }).catch(() => undefined);
  }
  return undefined;
}
