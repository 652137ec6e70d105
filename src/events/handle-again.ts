import type { PoolClient } from 'pg';
import { handleOne, type Listener } from './handle-event';
import { type HandledRows, type RoundState, triesOf } from './round';
import { type DueRow, endAsSent, entityOfRow, retryInMs, type SetAside, setAside } from './set-aside';

/**
 * Has a listener handle rows that were set aside and are to be tried again, in order. One at which it throws stays set aside,
 * and so do those behind it: what comes in the stream does not wait for it.
 */
export async function handleAgain(
  tx: PoolClient,
  listener: Listener,
  rows: DueRow[],
  { onCall }: Pick<RoundState, 'onCall'>,
): Promise<Pick<HandledRows, 'done' | 'errors'>> {
  const { name } = listener;
  const tries = triesOf(listener);
  const sent: Pick<SetAside, 'position' | 'entity'>[] = [];
  const aside: SetAside[] = [];
  const errors: Error[] = [];
  const held = new Set<string>();
  for (const row of rows) {
    const { position, id, event } = row;
    // Before the listener can change the event. A row that holds none any more still holds up those behind it.
    const entity = event ? entityOfRow(row) : row.waitsAs;
    if (held.has(entity)) continue;
    if (!event) {
      held.add(entity);
      aside.push({ position, id, entity, reason: row.unreadable });
      continue;
    }
    onCall(row, 1);
    const failure = await handleOne(tx, listener, { position, event });
    if (failure) {
      held.add(entity);
      errors.push(failure.error);
      aside.push({ position, id, entity, reason: failure.error.message, retryInMs: retryInMs(row.tries + 1, tries) });
    } else sent.push({ position, entity });
  }
  await setAside(tx, name, aside);
  await endAsSent(tx, name, sent);
  return { done: rows.length, errors };
}
