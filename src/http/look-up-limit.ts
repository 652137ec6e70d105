import { createRateLimit } from './limits';
import { ProblemError } from './problems';

// How many addresses are remembered; each takes some hundred bytes. A caller with more addresses than this starts with
// a fresh limit for the forgotten ones.
const REMEMBERED = 10_000;
// More look-ups than this need not wait for one address.
const MOST_WAITING = 1_000;

interface Line {
  /** Look-ups that are charged, and may turn out to cost nothing. */
  underWay: number;
  waiting: (() => void)[];
}

/**
 * Limits the look-ups of unknown keys by address. Each is charged before it begins, and costs nothing if the key turns
 * out to be valid. While others of its address are under way a further one waits for them, because a token may come
 * back. So many wrong keys at once are no more look-ups than one after the other.
 */
export function createLookUpLimit(perSecond: number) {
  const limit = createRateLimit(perSecond, { callers: REMEMBERED });
  const lines = new Map<string, Line>();

  async function admit(network: string): Promise<Line> {
    for (;;) {
      const empty = limit.take(network, 1);
      const line = lines.get(network) ?? { underWay: 0, waiting: [] };
      if (!empty) {
        line.underWay += 1;
        lines.set(network, line);
        return line;
      }
      if (line.underWay === 0 || line.waiting.length >= MOST_WAITING) {
        throw new ProblemError('tooManyRequests', 'Too many without a valid API key. See Retry-After.', { ...empty });
      }
      await new Promise<void>((decided) => line.waiting.push(decided));
    }
  }

  function leave(network: string, line: Line, isPaid: boolean): void {
    line.underWay -= 1;
    if (line.underWay === 0) lines.delete(network);
    if (!isPaid) limit.giveBack(network, 1);
    // Those that are let go look again: after the last look-up all of them, else one for the token that came back.
    const letGo = line.underWay === 0 ? line.waiting.length : Number(!isPaid);
    for (const decided of line.waiting.splice(0, letGo)) decided();
  }

  /** Looks a key up for this address. Throws a `ProblemError`, without a look-up, if the address is out of tokens. */
  async function charged<Found>(network: string, lookUp: () => Promise<Found | undefined>): Promise<Found | undefined> {
    const line = await admit(network);
    let isWrong = false;
    try {
      const found = await lookUp();
      isWrong = found === undefined;
      return found;
    } finally {
      leave(network, line, isWrong);
    }
  }

  return { charged, charge: (network: string): void => void limit.take(network, 1) };
}
