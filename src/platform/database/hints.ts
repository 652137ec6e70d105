import { nanoid } from 'nanoid';
import { Client, escapeIdentifier, type Pool } from 'pg';
import { atMostOften } from '../loops/at-most-often';
import { runInBackground } from '../loops/background-loop';

/**
 * What PostgreSQL notifies this process of. A hint carries nothing: any role may send one, with any payload. One may be lost
 * with the connection, so callers must look by themselves as well.
 */
export interface Hints {
  /**
   * Calls `onHint` after each notification of the channel, no more often than every 50 ms, and once it listens, as it may have
   * missed one before. Calls `onLost` when none arrives any more. Returns how to end that.
   */
  on(channel: string, onHint: () => void, onLost?: () => void): () => void;
  /** Whether a hint of any channel would arrive now. */
  arrive(): boolean;
  stop(): Promise<void>;
}

interface Session {
  client: Client;
  listened: Set<string>;
  /** What this process has notified itself of, and has not been notified of yet. */
  awaited?: { text: string; sentAt: number };
  arrives: boolean;
}

// So often this process notifies itself. A notification that is not back by the next one shows that none arrives.
const ECHO_EVERY_MS = 5_000;
const CONNECT_EVERY_MS = 1_000;
// Any account of the database may notify, as often as it likes. A relay does so ten times a second at most.
const SHORTEST_MS = 50;

/**
 * Listens on a connection of its own, and opens it again after it broke. LISTEN belongs to a session. So the pool cannot do
 * it, nor can PgBouncer in transaction mode: there no hint arrives, and `arrive` says so.
 */
export function listenForHints(
  connectionString: string,
  pool: Pool,
  { onError, echoEveryMs = ECHO_EVERY_MS }: { onError(error: unknown): void; echoEveryMs?: number },
): Hints {
  const callers = new Map<string, Set<{ onHint(): void; onLost?(): void }>>();
  const echoChannel = `postdate_echo_${nanoid()}`;
  let session: Session | undefined;
  let reported = false;

  const call = (channel: string) => {
    for (const { onHint } of callers.get(channel) ?? []) onHint();
  };

  function lose(): void {
    session = undefined;
    for (const ofChannel of callers.values()) for (const { onLost } of ofChannel) onLost?.();
  }

  async function open(): Promise<void> {
    const client = new Client({ connectionString, application_name: 'postdate hints', keepAlive: true });
    const opened: Session = { client, listened: new Set(), arrives: false };
    client.on('notification', ({ channel, payload }) => {
      if (channel !== echoChannel) return call(channel);
      if (payload !== opened.awaited?.text) return;
      opened.awaited = undefined;
      opened.arrives = true;
      reported = false;
    });
    client.on('error', onError);
    client.on('end', () => {
      if (session !== opened) return;
      lose();
      loop.nudge();
    });
    try {
      await client.connect();
    } catch (error) {
      await client.end();
      throw error;
    }
    session = opened;
  }

  async function look(): Promise<'idle'> {
    // A nudge may come sooner.
    if (session?.awaited && performance.now() - session.awaited.sentAt >= echoEveryMs / 2) {
      // Not awaited: a connection that is gone without a word does not say that it has ended.
      void session.client.end().catch(onError);
      lose();
      if (!reported) onError(new Error('no notification arrives: LISTEN needs a connection past PgBouncer'));
      reported = true;
    }
    if (!session) await open();
    const present = session;
    // It may have ended already.
    if (!present) return 'idle';
    for (const channel of [echoChannel, ...callers.keys()]) {
      if (present.listened.has(channel)) continue;
      await present.client.query(`listen ${escapeIdentifier(channel)}`);
      present.listened.add(channel);
      // What came before the LISTEN was not announced.
      call(channel);
    }
    if (present.awaited) return 'idle';
    const text = nanoid();
    present.awaited = { text, sentAt: performance.now() };
    await pool.query('select pg_notify($1, $2)', [echoChannel, text]).catch((error) => {
      // It was not sent.
      present.awaited = undefined;
      throw error;
    });
    return 'idle';
  }
  const loop = runInBackground(look, { pauseMs: () => (session ? echoEveryMs : CONNECT_EVERY_MS), onError });

  return {
    on(channel, onHint, onLost) {
      const caller = { onHint: atMostOften(onHint, SHORTEST_MS), onLost };
      const ofChannel = callers.get(channel) ?? new Set();
      callers.set(channel, ofChannel.add(caller));
      if (session && !session.listened.has(channel)) loop.nudge();
      return () => void ofChannel.delete(caller);
    },
    arrive: () => session?.arrives === true && session.listened.size > callers.size,
    async stop() {
      await loop.stop();
      const last = session;
      session = undefined;
      await last?.client.end();
    },
  };
}
