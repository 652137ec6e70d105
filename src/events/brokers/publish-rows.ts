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
  firstOf: ReadonlyMap<string, number> = new Map(),
): Promise<{ sent: StreamRow[]; aside: SetAside[] }> {
  const held = new Map(firstOf);
  const asideOf = (row: StreamRow, why: { reason: string } | { behind: number }): SetAside => {
    const { position, id } = row;
    const reason = 'behind' in why ? `an earlier event of its message is set aside, at position ${why.behind}` : '';
    return { position, id, entity: entityOfRow(row), reason, ...why };
  };
  const isBehind = (row: StreamRow): number | undefined => {
    const first = held.get(entityOfRow(row));
    return first !== undefined && first < row.position ? first : undefined;
  };

  const events = rows.flatMap(({ event, position }) => (event ? [{ event, position }] : []));
  const toSend = events.filter(({ event, position }) => isBehind({ event, position, id: event.id }) === undefined);
  const refused = toSend.length > 0 ? await publisher.publish(toSend) : [];
  const reasons = new Map(refused.map(({ position, reason }) => [position, reason]));

  const sent: StreamRow[] = [];
  const aside: SetAside[] = [];
  for (const row of rows) {
    const behind = isBehind(row);
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
