import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import { commandRefused } from '../../events/postdate-events';
import { admit, refuseRef } from '../../message/admission';
import type { MessageRef } from '../../message/contract';
import { describe } from '../../producing/describe';
import type { MessageState } from '../../producing/message-status';
import { readRecords } from './records';
import { readRuns } from './runs';
import type { TimelineEntry } from './timeline-entry';

/**
 * The timeline of a message, the oldest entry first. State `forgotten`: only the database still knows the message;
 * `refused`: the database knows nothing but commands that a worker has refused.
 */
export interface Story extends MessageRef {
  state: MessageState | 'held' | 'forgotten' | 'refused';
  cycle?: number;
  dueAt?: string;
  /** How long the message has waited past its due time, by this machine's clock. */
  overdueByMs?: number;
  /** What Temporal's record has that cannot be read, and why. */
  unreadable?: string;
  happenings: TimelineEntry[];
  /** How many of the oldest runs were not read, at least. */
  runsLeftOut: number;
}

/** Reads the story of a message from Temporal's histories and the database; undefined if neither knows it. */
export async function readStory(
  { client, pool }: { client: Client; pool: Pool },
  ref: MessageRef,
): Promise<Story | undefined> {
  admit(refuseRef(ref));
  const [status, runs, records] = await Promise.all([
    describe(client, ref),
    readRuns(client, ref),
    readRecords(pool, ref),
  ]);
  if (!status && records.length === 0) return undefined;
  const requesterByCommand = new Map(
    runs.happenings.flatMap(({ commandId, by }) => (commandId && by ? [[commandId, by]] : [])),
  );
  const withRequester = (entry: TimelineEntry): TimelineEntry => ({
    ...entry,
    by: entry.by ?? (entry.commandId && requesterByCommand.get(entry.commandId)),
  });
  const happenings = [...runs.happenings, ...records.map(withRequester)].sort((one, two) =>
    one.at.localeCompare(two.at),
  );
  const waits = status?.state === 'waiting';
  const overdueByMs = waits && status.dueAt ? Date.now() - Date.parse(status.dueAt) : 0;
  const held = waits && records.some(({ source }) => source === 'held');
  return {
    ...ref,
    state: held ? 'held' : (status?.state ?? (records.every(isRefusal) ? 'refused' : 'forgotten')),
    cycle: status?.cycle,
    dueAt: status?.dueAt,
    overdueByMs: overdueByMs > 0 ? overdueByMs : undefined,
    unreadable: status?.unreadable,
    happenings,
    runsLeftOut: runs.leftOut,
  };
}

/** A refused command, or the event that says so. */
const isRefusal = ({ source, what }: TimelineEntry) => source === 'command' || what === commandRefused.type;
