/**
 * One thing that happened to a message. `at`: RFC 3339, by the clock of whoever wrote it down: Temporal's server, or the
 * database. `by`: who asked for it, as they called themselves to Temporal. `lateByMs`: effect minus due time.
 */
export interface TimelineEntry {
  at: string;
  source: 'temporal' | 'ledger' | 'held' | 'redrive' | 'answer' | 'stream';
  what: string;
  cycle?: number;
  by?: string;
  commandId?: string;
  lateByMs?: number;
  detail?: string;
}
