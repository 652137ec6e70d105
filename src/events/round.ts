import type { Listener } from './handle-event';
import type { SetAside } from './set-aside';
import type { StreamRow } from './stream';

/** What a round is given beside its rows. */
export interface RoundState {
  /** The positions that are set aside already, and the first one of each entity. */
  waiting: { positions: ReadonlySet<number>; firstOf: ReadonlyMap<string, number> };
  /** How many rounds before this one have ended at the same event. */
  failures: number;
  /** The position of an event at which a connection broke, and why. */
  brokenAt?: { position: number; reason: string };
  /** Whether events of another tenant wait in the partition behind this position. */
  isOtherTenantBehind(position: number, tenant: string): Promise<boolean>;
  /** Called before the listener is, with the first row that it is given, and how many it is given. */
  onCall(row: StreamRow, events: number): void;
}

export interface HandledRows {
  /** How many rows from the first on it is done with: handled, or set aside. */
  done: number;
  aside: SetAside[];
  /** What the listener threw, each once. */
  errors: Error[];
  /** The position of the event that it does not go past for now. `together`: or of the first of a set that failed as a whole. */
  stoppedAt?: { position: number; error: Error; together: boolean };
}

/** After how many tries an event is left to an operator; undefined for a listener that stops at it. */
export const triesOf = ({ onFailure = 'stop' }: Pick<Listener, 'onFailure'>): number | undefined =>
  onFailure === 'stop' ? undefined : onFailure.setAsideAfterTries;
