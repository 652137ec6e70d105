import { Client } from 'pg';
import { type BackgroundLoop, runInBackground } from '../platform/loops/background-loop';
import { STREAM_CHANNEL } from './relay';

/**
 * Calls `onHint` when PostgreSQL says that the stream has grown. A hint may be lost with its connection, which is then
 * opened again. Callers must therefore poll as well.
 */
export function listenForHints(
  connectionString: string,
  { onHint, onError }: { onHint(): void; onError(error: unknown): void },
): BackgroundLoop {
  let client: Client | undefined;
  const loop = runInBackground(
    async () => {
      if (client) return 'idle';
      // LISTEN belongs to a session, so it cannot use the pool.
      const fresh = new Client({ connectionString, application_name: 'postdate hints', keepAlive: true });
      fresh.on('notification', onHint);
      fresh.on('error', onError);
      fresh.on('end', () => {
        if (client === fresh) client = undefined;
      });
      try {
        await fresh.connect();
        await fresh.query(`listen ${STREAM_CHANNEL}`);
      } catch (error) {
        await fresh.end();
        throw error;
      }
      client = fresh;
      // Events that came before the LISTEN were not announced.
      onHint();
      return 'idle';
    },
    { pauseMs: 1_000, onError },
  );
  return {
    nudge: loop.nudge,
    async stop() {
      await loop.stop();
      await client?.end();
    },
  };
}
