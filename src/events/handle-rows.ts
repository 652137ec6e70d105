import type { PoolClient } from 'pg';
import { asideOf, isBehind } from './entity-order';
import { handleTogether, type Listener } from './handle-event';
import { handleOneByOne } from './handle-one-by-one';
import type { HandledRows, RoundState } from './round';
import type { SetAside } from './set-aside';
import type { StreamedEvent, StreamRow } from './stream';

/**
 * Has a listener handle rows of the stream, in order: as one set if it can and the rounds before went well, else one by one,
 * each in a savepoint. Rows that hold no event are set aside, and events behind one that is set aside of their entity.
 */
export const handleRows = (
  tx: PoolClient,
  listener: Listener,
  rows: StreamRow[],
  round: RoundState,
): Promise<HandledRows> =>
  listener.handleAll && round.failures === 0
    ? handleSet(tx, listener, rows, round)
    : handleOneByOne(tx, listener, rows, round);

/** If the set fails, the next round reads its events anew, for the listener may have changed these, and takes them one by one. */
async function handleSet(
  tx: PoolClient,
  listener: Listener,
  rows: StreamRow[],
  { waiting, onCall }: RoundState,
): Promise<HandledRows> {
  const aside: SetAside[] = [];
  const events: StreamedEvent[] = [];
  for (const row of rows) {
    const { position, event } = row;
    if (waiting.positions.has(position)) continue;
    const behind = isBehind(row, waiting.firstOf);
    if (behind !== undefined) aside.push(asideOf(row, { behind }));
    else if (event) events.push({ position, event });
    else aside.push(asideOf(row, { reason: row.unreadable }));
  }
  const first = rows.find(({ position }) => position === events[0]?.position);
  if (!first) return { done: rows.length, aside, errors: [] };
  onCall(first, events.length);
  const failure = await handleTogether(tx, listener, events);
  if (!failure) return { done: rows.length, aside, errors: [] };
  const { error } = failure;
  return { done: 0, aside: [], errors: [error], stoppedAt: { position: first.position, error, together: true } };
}
