import { setTimeout as pause } from 'node:timers/promises';
import type { Connection } from '@temporalio/client';
import { NativeConnection, type NativeConnectionOptions } from '@temporalio/worker';
import { ensureSearchAttributes } from './search-attributes';

// An outage lasts for seconds at least, so two more seconds do not matter.
const PAUSE_MS = 2_000;
// As long as a first connection may take.
const ANSWER_WITHIN_MS = 10_000;
// Errors that waiting does not cure: a person has to.
const FOR_GOOD = /unauthenticated|permission[ _]?denied|invalid[ _]?argument|not[ _]?found|another type|certificate/i;

/**
 * Connects to Temporal and makes sure that the namespace knows our search attributes, however long Temporal is away.
 * Undefined if it was told to stop before. Throws if waiting cannot cure the error.
 */
export async function connectToTemporal(
  options: NativeConnectionOptions,
  {
    namespace,
    asking,
    signal,
    onAway,
  }: { namespace: string; asking: Connection; signal: AbortSignal; onAway(error: unknown): void },
): Promise<NativeConnection | undefined> {
  while (!signal.aborted) {
    let connection: NativeConnection | undefined;
    try {
      // First with a connection that may fail: if a native connection fails, it ends the SDK's idle runtime, and with
      // it the metrics, for good.
      await asking.withDeadline(Date.now() + ANSWER_WITHIN_MS, () => asking.workflowService.getSystemInfo({}));
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
