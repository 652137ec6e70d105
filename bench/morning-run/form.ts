/** The windows of a form. */
export interface WindowSize {
  /** How many rows are due at each window's instant. */
  dueRows: number;
  windows: number;
  /** How long before the instant the table is restored. */
  restoreMs: number;
}

/** One way to expire what is due, and how it is put to work window by window. */
export interface Form extends WindowSize {
  name: string;
  start(): Promise<StartedForm>;
}

export interface StartedForm {
  /** The window's due instant in epoch ms, at least `restoreMs` ahead. */
  dueAt(window: number): Promise<number>;
  /** Called when the table has been restored, before the instant. */
  arm?(window: number, dueAt: number): Promise<unknown>;
  /** Resolves when nothing of this window is left to do. */
  done(window: number, dueAt: number): Promise<unknown>;
  /** How many events tell of this window's effects. */
  events(window: number): Promise<number>;
  /** Where no effect ends the window, its length. */
  fixedLengthMs?: number;
  stop(): Promise<unknown>;
}

// What 50,000 rows, their vacuum and a checkpoint take, twice. A thousand take a tenth of it; every second more has the
// foreground pay more of them before they are due.
const RESTORE_MS = { few: 2_000, many: 4_000 };

/** The time to restore a table with so many due rows, on a machine that does nothing else. */
export const restoreMsOf = (dueRows: number): number => (dueRows > 10_000 ? RESTORE_MS.many : RESTORE_MS.few);
