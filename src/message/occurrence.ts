import type { ScheduledMessage } from './contract';

// `uncountedCycles` is named here and in the contract only. A worker of an earlier release, which does not know it, hands it
// on as it is, and the cycle beside it has risen: so the difference stays right where a count would not.

type Counted = Pick<ScheduledMessage, 'cycle' | 'uncountedCycles' | 'repeat'>;

// A message started by hand has anything in their place.
const isCount = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 0;

/**
 * Which due time of its post a message has come to: 1, 2, 3 … A handler's "again" and a series count. Moves and redrives do
 * not. Without a count, as in messages of an earlier release, it is the cycle.
 */
export function occurrenceOf({ cycle, uncountedCycles, repeat }: Counted): number {
  // A series has always counted its cycles that were not moves.
  const before = [repeat?.done, isCount(uncountedCycles) ? cycle - 1 - uncountedCycles : undefined];
  return (before.find((count) => isCount(count) && count < cycle) ?? cycle - 1) + 1;
}

/** The message in its cycle as this occurrence. */
export function withOccurrence<Message extends Counted>(message: Message, occurrence: number): Message {
  const { uncountedCycles: _, ...rest } = message;
  const uncountedCycles = message.cycle - occurrence;
  return (uncountedCycles > 0 ? { ...rest, uncountedCycles } : rest) as Message;
}
