/** What a cycle can come to. Exactly one of these per cycle, in the ledger. */
export const OUTCOMES = ['delivered', 'cancelled', 'moved', 'skipped', 'failed'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** What decides a cycle so: its landing, at the due time, or a command, before that. */
const DECIDED_BY = {
  delivered: 'landing',
  cancelled: 'command',
  moved: 'command',
  skipped: 'landing',
  failed: 'landing',
} as const satisfies Record<Outcome, 'landing' | 'command'>;

type DecidedBy<By> = { [One in Outcome]: (typeof DECIDED_BY)[One] extends By ? One : never }[Outcome];
/** What a command can make of a cycle that nothing else has decided. */
export type WithdrawnOutcome = DecidedBy<'command'>;
/** What a landing can decide. */
export type LandedOutcome = DecidedBy<'landing'>;

/** True where a command took the cycle back, which then was never due. */
export const isWithdrawn = (outcome: Outcome): outcome is WithdrawnOutcome => DECIDED_BY[outcome] === 'command';

const isLanded = (outcome: Outcome): outcome is LandedOutcome => DECIDED_BY[outcome] === 'landing';
export const LANDED_OUTCOMES: readonly LandedOutcome[] = OUTCOMES.filter(isLanded);

/** What the ledger says of one cycle: the first to insert its row has decided; all others read this. Epoch ms. */
export interface Decision {
  cycle: number;
  outcome: Outcome;
  decidedAt: number;
  next?: { cycle: number; dueAt: number; leadMs?: number; inBurst?: boolean; bySets?: boolean };
  reason?: string;
  commandId?: string;
}

/** How a message ended, as the workflow's result. `decidedAt` is RFC 3339. */
export interface Ending {
  outcome: Outcome;
  cycle: number;
  decidedAt: string;
  reason?: string;
  commandId?: string;
}
