import { Client } from 'pg';
import { type BackgroundLoop, runInBackground } from '../platform/loops/background-loop';
import { STREAM_CHANNEL } from './relay';

// Any account of the database may notify, as often as it likes. A relay does so ten times a second at most.
const SHORTEST_MS = 50;

/** Calls `call` at once, but no more often than every 50 ms; the last of several calls is not lost. */
function atMostOften(call: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  let isWanted = false;
  const rest = () => {
    timer = undefined;
    if (isWanted) run();
  };
  const run = () => {
    isWanted = false;
    timer = setTimeout(rest, SHORTEST_MS).unref();
    call();
  };
  return () => {
    if (timer) isWanted = true;
    else run();
  };
}

/**
 * Calls `onHint` when PostgreSQL says that the stream has grown. A hint may be lost with its connection, which is then
 * opened again. Callers must therefore poll as well.
 */
export function listenForHints(
  connectionString: string,
  { onHint: onEach, onError }: { onHint(): void; onError(error: unknown): void },
): BackgroundLoop {
  let client: Client | undefined;
  const onHint = atMostOften(onEach);
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
