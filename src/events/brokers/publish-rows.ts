import { asideOf, type FirstAside, isBehind } from '../entity-order';
import { entityOfRow, type SetAside } from '../set-aside';
import type { StreamRow } from '../stream';
import type { Publisher } from './publisher';

/**
 * Has a publisher send rows of the stream, in order. Sets aside those that hold no event, those that the broker refuses, and
 * those whose entity has an earlier event set aside, now or before (`firstOf`): the order of an entity is kept.
 */
export async function publishRows(
  publisher: Pick<Publisher, 'publish'>,
  rows: StreamRow[],
  firstOf: FirstAside = new Map(),
): Promise<{ sent: StreamRow[]; aside: SetAside[] }> {
  const held = new Map(firstOf);
  const events = rows.flatMap(({ event, position }) => (event ? [{ event, position }] : []));
  const toSend = events.filter(
    ({ event, position }) => isBehind({ event, position, id: event.id }, held) === undefined,
  );
  const refused = toSend.length > 0 ? await publisher.publish(toSend) : [];
  const reasons = new Map(refused.map(({ position, reason }) => [position, reason]));

  const sent: StreamRow[] = [];
  const aside: SetAside[] = [];
  for (const row of rows) {
    const behind = isBehind(row, held);
    const reason = row.unreadable ?? reasons.get(row.position);
    if (behind !== undefined) aside.push(asideOf(row, { behind }));
    else if (reason === undefined) sent.push(row);
    else {
      aside.push(asideOf(row, { reason }));
      held.set(entityOfRow(row), row.position);
    }
  }
  return { sent, aside };
}
