/**
 * The states of a held message:
 *
 *     new ────────► held ───────────► landing ────────► settled
 *      │            ▲ │ ▲               │ │                ▲
 *      │            │ │ └───────────────┘ ▼                │
 *      │            │ │ ◄──────────── rerouting            │
 *      │            │ ▼                   │                │
 *      └─────────► leaving ◄──────────────┘                │
 *                     └────────────────────────────────────┘
 *
 * Not drawn: a held message is settled when it is handed back, by a stopping worker or to make room. `docs/design.md` draws the same with words.
 */
export type State =
  /** Made, and not in the store yet. */
  | 'new'
  /** Waits for its due time. */
  | 'held'
  /** Due, and with the landing queues. */
  | 'landing'
  /** Could not land in this lane; its lane is chosen anew. */
  | 'rerouting'
  /** Is being left to another lane's workers, in PostgreSQL. */
  | 'leaving'
  /** Out of the store, for good. */
  | 'settled';

/** Every allowed transition, with its cause. All others are refused. */
export const TRANSITIONS: Record<State, Partial<Record<State, string>>> = {
  new: {
    held: 'brought by an attempt, or taken over',
    leaving: 'its rule names another lane',
  },
  held: {
    landing: 'due',
    leaving: 'the rules have changed',
    settled: 'handed back by a stopping worker, or to make room, or a command of it waits',
  },
  landing: {
    held: 'not due by the clock of PostgreSQL',
    rerouting: 'the rules have changed, or its lane failed',
    settled: 'decided, failed, or handed back to make room',
  },
  rerouting: {
    held: 'stays in this lane',
    leaving: 'goes to another lane',
  },
  leaving: {
    held: 'PostgreSQL did not take it',
    settled: 'left to the other lane',
  },
  settled: {},
};

/** A transition that is not in the table. It is a fault of this program: it is reported, and the message stays as it was. */
export class ForbiddenTransition extends Error {
  override readonly name = 'ForbiddenTransition';
  readonly code = 'forbiddenTransition';
  constructor(
    readonly from: State,
    readonly to: State,
  ) {
    super(`a held message cannot go from ${from} to ${to}`);
  }
}

/** A second message of the same cycle. It is a fault of this program: it is reported, and the first one stays as it was. */
export class AlreadyHeld extends Error {
  override readonly name = 'AlreadyHeld';
  readonly code = 'alreadyHeld';
  constructor() {
    super('this cycle of the message is held already');
  }
}
