import type { Topic } from '../../../topics/topic';
import { compareRows, type RowDifference } from './compare-rows';
import { diffFields, type FieldDifferences } from './diff-fields';
import type { EventsByType } from './stable-decisions';
import type { Trial, TrialAnswer } from './trial';

export const DIFFERENCE_KINDS = ['answer', 'events', 'rows', 'failed'] as const;
export type DifferenceKind = (typeof DIFFERENCE_KINDS)[number];

/** An event that only stable or only the shadow emitted, or that has other fields in the two. */
export interface EventDifference {
  type: string;
  only?: 'stable' | 'shadow';
  fields?: FieldDifferences;
}

/** The differences between stable and a shadow, and nothing else of the message. */
export interface Differences {
  answer?: FieldDifferences;
  events?: EventDifference[];
  rows?: RowDifference[];
}

/** Compares what stable did with what a shadow would have done, without the topic's volatile fields. */
export function compare(
  { observed = [], volatile = [] }: Pick<Topic, 'observed' | 'volatile'>,
  stable: { answer: TrialAnswer; events: EventsByType },
  { answer, events, rows }: Trial,
): Differences {
  const answers = diffFields(comparableAnswer(stable.answer), comparableAnswer(answer), volatile);
  const changedEvents = compareEvents(stable.events, events, volatile);
  const changedRows = rows ? compareRows(observed, rows, volatile) : [];
  return {
    ...(answers ? { answer: answers } : {}),
    ...(changedEvents.length > 0 ? { events: changedEvents } : {}),
    ...(changedRows.length > 0 ? { rows: changedRows } : {}),
  };
}

const comparableAnswer = ({ outcome, nextDueAt, reason }: TrialAnswer) => ({
  outcome,
  nextDueAt: nextDueAt === undefined ? undefined : new Date(nextDueAt).toISOString(),
  reason,
});

function compareEvents(stable: EventsByType, shadow: EventsByType, volatile: string[]): EventDifference[] {
  const types = [...new Set([...stable.keys(), ...shadow.keys()])].sort();
  return types.flatMap((type): EventDifference[] => {
    const [one, two] = [stable.get(type), shadow.get(type)];
    if (!one || !two) return [{ type, only: one ? 'stable' : 'shadow' }];
    const fields = diffFields(one, two, volatile);
    return fields ? [{ type, fields }] : [];
  });
}
