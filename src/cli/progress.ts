import { SingleBar } from 'cli-progress';

/** A bar on standard error for work of known length; none where nobody looks. Tell it of each piece, or of so many. */
export function progressOf(what: string, pieces: number): { done(pieces?: number): void; stop(): void } {
  if (!process.stderr.isTTY) return { done: () => undefined, stop: () => undefined };
  const bar = new SingleBar({ format: `${what} {bar} {value} of {total}`, clearOnComplete: true, hideCursor: true });
  bar.start(pieces, 0);
  return { done: (done = 1) => bar.increment(done), stop: () => bar.stop() };
}
