import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import { admit, refuseRef } from '../admission';
import type { MessageRef } from '../contract';
import { describe, type MessageState } from '../lookup';
import { recordsOf } from './records';
import { runsOf } from './runs';
import type { TimelineEntry } from './timeline-entry';

/** All that is known of a message, in the order of time. `state`: `forgotten` when only the database knows it. */
export interface Story extends MessageRef {
  state: MessageState | 'held' | 'forgotten';
  cycle?: number;
  dueAt?: string;
  /** It waits past its due time, by this machine's clock. */
  overdueByMs?: number;
  happenings: TimelineEntry[];
  /** Runs of its workflow that were too many to be read, the oldest; at least so many. */
  runsLeftOut: number;
}

/** The story of a message, from Temporal's histories and the database; undefined if neither knows it. */
export async function storyOf(
  { client, pool }: { client: Client; pool: Pool },
  ref: MessageRef,
): Promise<Story | undefined> {
  admit(refuseRef(ref));
  const [known, runs, records] = await Promise.all([describe(client, ref), runsOf(client, ref), recordsOf(pool, ref)]);
  if (!known && records.length === 0) return undefined;
  const askedBy = new Map(runs.happenings.flatMap(({ commandId, by }) => (commandId && by ? [[commandId, by]] : [])));
  const whoAsked = (entry: TimelineEntry): TimelineEntry => ({
    ...entry,
    by: entry.by ?? (entry.commandId && askedBy.get(entry.commandId)),
  });
  const happenings = [...runs.happenings, ...records.map(whoAsked)].sort((one, two) => one.at.localeCompare(two.at));
  const waits = known?.state === 'waiting';
  const overdueByMs = waits && known.dueAt ? Date.now() - Date.parse(known.dueAt) : 0;
  const held = waits && records.some(({ source }) => source === 'held');
  return {
    ...ref,
    state: held ? 'held' : (known?.state ?? 'forgotten'),
    cycle: known?.cycle,
    dueAt: known?.dueAt,
    overdueByMs: overdueByMs > 0 ? overdueByMs : undefined,
    happenings,
    runsLeftOut: runs.leftOut,
  };
}
