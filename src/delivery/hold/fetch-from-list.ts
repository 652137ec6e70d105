import type { ScheduledMessage } from '../../message/contract';
import type { MessageStatus } from '../../producing/message-status';
import type { RunWithMessage } from '../../producing/runs-with-messages';
import type { Waiting } from '../../producing/waiting-runs';
import type { DueWindow } from '../../topics/due-rows';
import type { Topic } from '../../topics/topic';
import { findMissing } from '../held/not-held';
import { type TakingSets, takeSet } from './take-set';

/** A topic's messages that are due in a window, as Temporal's list is asked for them. */
export const selectionOf = ({ name }: Pick<Topic, 'name'>, { from, to }: DueWindow) => ({
  topic: name,
  dueFrom: Math.round(from) + 1,
  dueTo: Math.round(to) + 1,
});

/** What a list is read for. */
interface Wanted {
  /** It ends when it has found so many. */
  missing: number;
  /** Whether messages are held as their memos say. Otherwise all missing runs are left to be read one by one. */
  bySets: boolean;
  /** Called for each page, before its messages are held. */
  onPage(page: RunWithMessage[]): Promise<void>;
}

/**
 * Holds the messages of a topic that are due in a window, from the memos in Temporal's list: hundreds with each request. Returns
 * how many it has taken, and the missing runs that are to be read by themselves: their memo carries no usable message.
 */
export async function fetchFromList(
  { waiting, ...taking }: TakingSets & { waiting: Pick<Waiting, 'pages'> },
  topic: Topic,
  window: DueWindow,
  { missing, bySets, onPage }: Wanted,
): Promise<{ taken: number; unread: MessageStatus[] }> {
  const unread: MessageStatus[] = [];
  let found = 0;
  let taken = 0;
  for await (const page of waiting.pages(selectionOf(topic, window))) {
    await onPage(page);
    // A message started by hand carries no memo. It is taken for its first cycle; if it is not, the ledger says so later.
    const cycles = page.map(({ run: { tenant, key, cycle = 1 } }) => ({ tenant, key, cycle }));
    const absent = (await findMissing(taking.pool, topic.name, cycles)).map((place) => page[place] as RunWithMessage);
    const messages: ScheduledMessage[] = [];
    for (const { run, message } of absent) {
      if (bySets && message) messages.push(message);
      else unread.push(run);
    }
    taken += await takeSet(taking, topic, messages, 'list');
    found += absent.length;
    if (found >= missing || taking.room(topic) === 0) break;
  }
  return { taken, unread };
}
