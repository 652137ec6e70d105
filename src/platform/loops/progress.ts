/**
 * Follows long work. `begin` names the next step and its number of pieces; `done` reports finished pieces, one by
 * default.
 */
export interface Progress {
  begin(what: string, pieces: number): void;
  done(pieces?: number): void;
}
