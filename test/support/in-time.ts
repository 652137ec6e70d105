// Each twice the one before: what does not fit into the last has another problem.
const DUE_IN_MS = [12_000, 24_000, 48_000];

/**
 * Plays a round with a later and later due time, until the machine was quick enough for it. A round answers whether it has done
 * before the due time what it had to; one that has not is left alone.
 */
export async function repeatUntilInTime(round: (dueAt: number) => Promise<boolean>): Promise<void> {
  for (const inMs of DUE_IN_MS) if (await round(Date.now() + inMs)) return;
  throw new Error(`this machine was too slow for a due time in ${DUE_IN_MS.at(-1)} ms`);
}
