import type { TopicWithRows } from '../../topics/business-rows';
import { type DueWindow, findDueRows } from '../../topics/due-rows';
import { type TakingSets, takeSet } from './take-set';

// Of one query: its rows are in memory at one time.
const PAGE = 2_000;

/**
 * Holds the messages of a topic's rows that are due in a window. The rows say the same as Temporal's list, with one query, and
 * also while Temporal is away. Returns how many messages it has taken.
 */
export async function fetchFromRows(
  taking: TakingSets,
  topic: TopicWithRows,
  window: DueWindow,
  missing: number,
): Promise<number> {
  let taken = 0;
  // A row that is held is not found again. One on its way to another lane may be: so the pages are counted.
  for (let pages = Math.ceil(missing / PAGE); pages > 0 && taking.room(topic) > 0; pages -= 1) {
    const messages = await findDueRows(taking.pool, topic, { ...window, limit: PAGE });
    if (messages.length === 0) break;
    // A row does not say whether its run sleeps beyond the due time. To wake one that is awake costs little.
    const inBurst = messages.map((message) => ({ ...message, inBurst: true }));
    taken += await takeSet(taking, topic, inBurst, 'rows');
  }
  return taken;
}
