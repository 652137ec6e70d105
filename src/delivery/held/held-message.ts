import { type Delivery, deliveryIdOf, type InLane } from '../../message/contract';
import type { Decision } from '../../message/decision';
import type { Topic } from '../../topics/topic';
import type { State } from './states';

/** An attempt of an activity. It waits for its message to land, or to be left to another lane. */
export interface Attempt {
  resolve(answer: Decision | InLane): void;
  reject(error: unknown): void;
  /** Resolves when the run that waits for the answer has closed, or after a time limit when that is unknown. */
  runClosed(): Promise<void>;
  /** Epoch ms by the local clock. Answered later than this, the attempt would have timed out. */
  deadlineAt: number;
}

/** How a message ended here. */
export type Settlement =
  /** The ledger has its decision, by this landing or from `before`. */
  | { kind: 'decided'; decision: Decision; before?: true }
  /** It could not land; Temporal, or the sweep, tries it again. */
  | { kind: 'failed'; error: unknown }
  /** This worker stops, and gives it back to Temporal. It is due in so many ms. */
  | { kind: 'handedBack'; inMs: number }
  /** Its place went to a message that is due sooner, or to another tenant's. Temporal brings it again. It is due in so many ms. */
  | { kind: 'madeRoom'; inMs: number }
  /** A cancel or a move of it is not decided yet. Its workflow decides that first. */
  | { kind: 'commandWaits' }
  /** By the topic's rules this lane's workers land it. */
  | { kind: 'left'; lane: string }
  /** This lane failed to land it; stable's workers land it. */
  | { kind: 'laneFailed'; lane: string };

/** A delivery in a worker's memory. */
export interface HeldMessage {
  /** Names the cycle. */
  readonly id: string;
  readonly topic: Topic;
  /** Changes only by the lane that it goes to, and why. */
  delivery: Delivery;
  readonly attempts: Attempt[];
  /** Counts as held in time: it was here before its due time, or it was already due when it was posted. */
  readonly heldWhenDue: boolean;
  /** It was overdue for long when it came here: it waits for what is due now. */
  readonly ofBacklog: boolean;
  /** Called once, when the message ends here. */
  readonly onSettled?: OnSettled;
  /** Changed by `HeldMessages` only. */
  state: State;
}

export type OnSettled = (delivery: Delivery, settlement: Settlement) => void;

export const newHeldMessage = (
  topic: Topic,
  delivery: Delivery,
  {
    attempts = [],
    heldWhenDue,
    ofBacklog = false,
    onSettled,
  }: Partial<Pick<HeldMessage, 'attempts' | 'ofBacklog' | 'onSettled'>> & { heldWhenDue: boolean },
): HeldMessage => ({
  ...{ id: deliveryIdOf(delivery), topic, delivery, attempts, heldWhenDue, ofBacklog, onSettled },
  state: 'new',
});
