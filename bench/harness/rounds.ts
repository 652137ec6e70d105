import { median, type Percentiles, percentilesOf } from './lateness';
import type { Cores } from './shares';

/** What one round of one form has shown. */
export interface Round {
  perSecond: number;
  callMs: Percentiles;
  cores: Cores;
}

export const rounded = (value: number, digits: number) => Number(value.toFixed(digits));

/** What the rounds of a form come to, in medians, as a contender that posts and has nothing due: no effect, no lateness. */
export function postingOf(name: string, rounds: Round[], { messages }: { messages: number }) {
  const parts = Object.keys(rounds[0]?.cores ?? {});
  const coresOf = (part: string) => median(rounds.map(({ cores }) => cores[part] ?? 0));
  return {
    name,
    messages,
    effects: 0,
    early: 0,
    latenessMs: percentilesOf([]),
    perSecond: rounded(median(rounds.map(({ perSecond }) => perSecond)), 1),
    perSecondByRound: rounds.map(({ perSecond }) => rounded(perSecond, 1)),
    cores: Object.fromEntries(parts.map((part) => [part, rounded(coresOf(part), 2)])),
  };
}
