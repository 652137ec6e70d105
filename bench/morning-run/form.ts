/** One way to expire what is due, and how it is put to work window by window. */
export interface Form {
  name: string;
  /** How many rows are due at each window's instant. */
  dueRows: number;
  windows: number;
  start(): Promise<StartedForm>;
}

export interface StartedForm {
  /** The window's due instant in epoch ms, at least `restoreMsOf` ahead. */
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

/** How long before the instant the table is restored. */
export const restoreMsOf = ({ dueRows }: Pick<Form, 'dueRows'>): number =>
  dueRows > 10_000 ? RESTORE_MS.many : RESTORE_MS.few;
