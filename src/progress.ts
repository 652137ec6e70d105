/** Whoever follows long work: told what it goes through next, of how many pieces, and when another one, or so many, are done. */
export interface Progress {
  begin(what: string, pieces: number): void;
  done(pieces?: number): void;
}
