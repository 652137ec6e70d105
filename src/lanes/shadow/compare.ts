import type { Topic } from '../../topic';
import { compareRows, type RowDifference } from './compare-rows';
import { differingFields, type Fields } from './fields';
import type { EventsByType } from './stables';
import type { Answered, Trial } from './trial';

export const DIFFERENCE_KINDS = ['answer', 'events', 'rows', 'failed'] as const;
export type DifferenceKind = (typeof DIFFERENCE_KINDS)[number];

/** An event that only one of them told, or in which fields differ. */
export interface EventDifference {
  type: string;
  only?: 'stable' | 'shadow';
  fields?: Fields;
}

/** What is different, and nothing else of the message. */
export interface Differences {
  answer?: Fields;
  events?: EventDifference[];
  rows?: RowDifference[];
}

/** Compares what stable did with what a shadow would have done, but for what the topic calls volatile. */
export function compare(
  { observed = [], volatile = [] }: Pick<Topic, 'observed' | 'volatile'>,
  stable: { answer: Answered; events: EventsByType },
  { answer, events, rows }: Trial,
): Differences {
  const answers = differingFields(shownAnswer(stable.answer), shownAnswer(answer), volatile);
  const told = compareEvents(stable.events, events, volatile);
  const changed = rows ? compareRows(observed, rows, volatile) : [];
  return {
    ...(answers ? { answer: answers } : {}),
    ...(told.length > 0 ? { events: told } : {}),
    ...(changed.length > 0 ? { rows: changed } : {}),
  };
}

const shownAnswer = ({ outcome, nextDueAt, reason }: Answered) => ({
  outcome,
  nextDueAt: nextDueAt === undefined ? undefined : new Date(nextDueAt).toISOString(),
  reason,
});

function compareEvents(stable: EventsByType, shadow: EventsByType, volatile: string[]): EventDifference[] {
  const types = [...new Set([...stable.keys(), ...shadow.keys()])].sort();
  return types.flatMap((type): EventDifference[] => {
    const [one, two] = [stable.get(type), shadow.get(type)];
    if (!one || !two) return [{ type, only: one ? 'stable' : 'shadow' }];
    const fields = differingFields(one, two, volatile);
    return fields ? [{ type, fields }] : [];
  });
}
