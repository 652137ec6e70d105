import type { PoolClient } from 'pg';
import { asideOf, isBehind } from './entity-order';
import { handleOne, type Listener } from './handle-event';
import { type HandledRows, type RoundState, triesOf } from './round';
import { RETRY_S, type SetAside } from './set-aside';
import type { StreamRow } from './stream';

/**
 * For how long the events of a round are handled one after the other. Then the round commits, and other partitions have their
 * turn: what has been handled is not handled again when the worker dies.
 */
const ROUND_MS = 1_000;

/**
 * Has a listener handle rows one by one, each in a savepoint, for a second. An event at which it throws ends the round, or is set
 * aside, as the listener says.
 */
export async function handleOneByOne(
  tx: PoolClient,
  listener: Listener,
  rows: StreamRow[],
  { waiting, failures, brokenAt, isOtherTenantBehind, onCall }: RoundState,
): Promise<HandledRows> {
  const tries = triesOf(listener);
  const retry = tries !== undefined && tries > 1 ? { retryInMs: RETRY_S * 1_000 } : {};
  const firstOf = new Map(waiting.firstOf);
  const aside: SetAside[] = [];
  const failed: { done: number; position: number; tenant: string; error: Error }[] = [];
  const endsAt = performance.now() + ROUND_MS;
  let handled = 0;
  let done = 0;
  for (; done < rows.length && (done === 0 || performance.now() < endsAt); done += 1) {
    const row = rows[done] as StreamRow;
    const { position, event } = row;
    if (waiting.positions.has(position)) continue;
    const behind = isBehind(row, firstOf);
    if (behind !== undefined) {
      aside.push(asideOf(row, { behind }));
      continue;
    }
    if (!event) {
      aside.push(asideOf(row, { reason: row.unreadable }));
      continue;
    }
    // Named before the listener is called, which may change the event.
    const { tenant } = event;
    const refused = { ...asideOf(row, { reason: '' }), ...retry };
    if (tries !== undefined && brokenAt?.position === position) {
      // It would break this round's transaction, too.
      aside.push({ ...refused, reason: brokenAt.reason });
      firstOf.set(refused.entity, position);
      continue;
    }
    onCall(row, 1);
    const failure = await handleOne(tx, listener, { position, event });
    if (!failure) {
      handled += 1;
      continue;
    }
    const { error } = failure;
    if (tries === undefined) return { done, aside, errors: [error], stoppedAt: { position, error, together: false } };
    failed.push({ done, position, tenant, error });
    aside.push({ ...refused, reason: error.message });
    firstOf.set(refused.entity, position);
  }

  const [first] = failed;
  const tenants = new Set(failed.map(({ tenant }) => tenant));
  // Events of several messages fail, and none was handled: an outage rather than odd events, for so many tries. Of one tenant, only
  // as long as no other tenant waits for them.
  if (
    first &&
    failed.length > 1 &&
    handled === 0 &&
    failures + 1 < (tries ?? 0) &&
    (tenants.size > 1 || !(await isOtherTenantBehind(rows[done - 1]?.position ?? 0, first.tenant)))
  ) {
    const { position, error } = first;
    const before = aside.filter((one) => one.position < position);
    return { done: first.done, aside: before, errors: [error], stoppedAt: { position, error, together: false } };
  }
  return { done, aside, errors: failed.map(({ error }) => error) };
}
