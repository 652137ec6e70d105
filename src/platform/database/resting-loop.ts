import type { Pool } from 'pg';
import { type BackgroundLoop, runInBackground } from '../loops/background-loop';
import type { Hints } from './hints';

/** What waits for a loop: `events` in postdate.outbox, or `commands` in postdate.command. Inserts of both can notify. */
export type HintedWork = 'events' | 'commands';

// For so long nothing was found when a loop rests. One that rested after each event would ask for a hint as often.
const QUIET_MS = 1_000;
// Resting, a loop still looks so often. A hint may be lost with its connection, and a restored row sends none.
const REST_MS = 5_000;
// A worker that rests asks again at each look. When it has died, writers stop to notify after so long.
const ASKED_FOR_MS = 15_000;
// Where a loop may not rest, it asks again after so long.
const REFUSED_MS = 60_000;

/**
 * Runs `work` every `pollMs`, and seldom while nothing waits and a hint would come. Nothing is found later for it: a loop
 * rests only when all transactions have ended that may have written before it asked for a hint. `waits` is SQL, and true
 * while anything is left to do. After 'found' the loop pauses and does not rest.
 */
export function runWhileWorkWaits(
  { pool, hints, onError }: { pool: Pool; hints?: Hints; onError(error: unknown): void },
  { what, waits, values = [], pollMs }: { what: HintedWork; waits: string; values?: unknown[]; pollMs: number },
  work: () => Promise<'more' | 'found' | 'idle'>,
  { quietMs = QUIET_MS, restMs = REST_MS }: { quietMs?: number; restMs?: number } = {},
): BackgroundLoop {
  let state: 'awake' | 'asking' | 'resting' = 'awake';
  let wakes = 0;
  let restsFrom = 0;
  let askedAt = Number.NEGATIVE_INFINITY;
  let inOrder: Promise<unknown> = Promise.resolve();
  // Transactions with a lower number may have written before the hint was asked for.
  let horizon: string | null = null;

  // One after the other, whatever connections the pool takes for them.
  function askFor(ms: number): Promise<boolean> {
    const asked = inOrder.then(async () => {
      const text = 'select postdate.ask_for_hint($1, $2) as granted';
      const { rows } = await pool.query<{ granted: boolean }>(text, [what, ms]);
      return rows[0]?.granted === true;
    });
    inOrder = asked.catch(() => undefined);
    return asked;
  }

  async function look(): Promise<{ waits: boolean; settled: boolean; horizon: string }> {
    const { rows } = await pool.query(
      `select pg_snapshot_xmax(seen)::text as horizon, (${waits}) as waits,
              pg_snapshot_xmin(seen) >= coalesce($${values.length + 1}::text::xid8, pg_snapshot_xmax(seen)) as settled
         from pg_current_snapshot() as seen`,
      [...values, horizon],
    );
    return rows[0];
  }

  function wake(awakeMs = quietMs): void {
    state = 'awake';
    wakes += 1;
    restsFrom = performance.now() + awakeMs;
  }

  // A statement for each step: the snapshot of one must be newer than the step before.
  async function tryToRest(): Promise<void> {
    if (!hints?.arrive()) return wake();
    const now = performance.now();
    if (now < restsFrom) return;
    const before = wakes;
    if (state === 'awake' && (await look()).waits) return wake();
    // Since the request has ended, transactions may have written without a hint.
    if (state === 'awake' || now - askedAt > ASKED_FOR_MS) horizon = null;
    if (now - askedAt >= Math.min(restMs, REST_MS)) {
      askedAt = now;
      if (!(await askFor(ASKED_FOR_MS))) return wake(REFUSED_MS);
    }
    if (wakes !== before) return;
    state = horizon === null ? 'asking' : state;
    const seen = await look();
    if (wakes !== before) return;
    if (seen.waits) return wake();
    horizon ??= seen.horizon;
    if (seen.settled) state = 'resting';
    else restsFrom = now + quietMs;
  }

  // Reported and not thrown: an error here must not make the next look later.
  const refused = (error: unknown) => {
    wake(REFUSED_MS);
    onError(error);
  };

  const loop = runInBackground(
    async () => {
      const found = await work().catch((error) => {
        wake();
        throw error;
      });
      if (found !== 'idle') wake();
      else await tryToRest().catch(refused);
      return found === 'more' ? 'more' : 'idle';
    },
    { pauseMs: () => (state === 'resting' ? restMs : pollMs), onError },
  );

  // Awake, it looks often enough: a flood of hints must not become a flood of looks.
  function lookNow(): void {
    const rested = state === 'resting';
    wake();
    if (rested) loop.nudge();
  }

  function onHint(): void {
    lookNow();
    if (askedAt === Number.NEGATIVE_INFINITY) return;
    // All that rested have this hint, so writers need not notify any more.
    askedAt = Number.NEGATIVE_INFINITY;
    // If this fails, the next look meets the same error, and the request ends by itself.
    void askFor(0).catch(() => undefined);
  }

  const end = hints?.on(`postdate_${what}`, onHint, lookNow);
  return {
    nudge: loop.nudge,
    nudgeIn: loop.nudgeIn,
    async stop() {
      end?.();
      await loop.stop();
    },
  };
}
