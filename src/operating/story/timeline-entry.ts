/**
 * One event in the life of a message. `at`: RFC 3339, by the clock of Temporal's server or of the database, depending
 * on `source`. `by`: the identity that the caller gave to Temporal. `lateByMs`: effect minus due time.
 */
export interface TimelineEntry {
  at: string;
  source: 'temporal' | 'ledger' | 'held' | 'redrive' | 'answer' | 'command' | 'stream';
  what: string;
  cycle?: number;
  by?: string;
  commandId?: string;
  lateByMs?: number;
  detail?: string;
}
