import { entityOfRow, type SetAside } from './set-aside';
import type { StreamRow } from './stream';

/** The first position that is set aside of an entity, by its name. */
export type FirstAside = ReadonlyMap<string, number>;

/** The position of an earlier event of its entity that is set aside, which a row must wait behind. */
export function isBehind(row: StreamRow, firstOf: FirstAside): number | undefined {
  const first = firstOf.get(entityOfRow(row));
  return first !== undefined && first < row.position ? first : undefined;
}

/** A row that is set aside: refused itself for a reason, or waiting behind an earlier event. */
export function asideOf(row: StreamRow, why: { reason: string } | { behind: number }): SetAside {
  const { position, id } = row;
  const reason = 'behind' in why ? `an earlier event of its message is set aside, at position ${why.behind}` : '';
  return { position, id, entity: entityOfRow(row), reason, ...why };
}
