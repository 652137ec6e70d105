import type { Client } from '@temporalio/client';
import { countWaiting } from './counts';
import { list, type Selection } from './list';

// So many messages are listed. Of more, a part that is due earlier is searched for.
const LISTED = 200;
// The instants that a selection may name: from the year 1, to twenty years ahead.
const FIRST_MS = Date.parse('0001-01-01T00:00:00Z');
const AHEAD_MS = 20 * 365 * 86_400_000;

/**
 * When the first of the selected waiting messages is due, in RFC 3339; undefined if there is none. Visibility cannot sort by
 * due time, so this halves the range of instants until few enough messages are left to list.
 */
export async function firstDueAt(
  client: Client,
  selection: Selection,
  { listed: most = LISTED }: { listed?: number } = {},
): Promise<string | undefined> {
  let [from, to] = [FIRST_MS, Date.now() + AHEAD_MS];
  let waiting = await countWaiting(client, { ...selection, dueTo: to });
  while (waiting > most && to - from > 1) {
    const middle = Math.floor((from + to) / 2);
    const earlier = await countWaiting(client, { ...selection, dueTo: middle });
    if (earlier > 0) [to, waiting] = [middle, earlier];
    else from = middle;
  }
  let first: string | undefined;
  let listed = 0;
  for await (const { dueAt } of list(client, { ...selection, state: 'waiting', dueFrom: from, dueTo: to })) {
    if (dueAt !== undefined && (first === undefined || dueAt < first)) first = dueAt;
    // All of a millisecond are due at one instant.
    listed += 1;
    if (listed > 2 * most) break;
  }
  return first;
}
