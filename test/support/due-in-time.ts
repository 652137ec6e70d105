// Many enough for their way to be like that of the messages that follow, and few enough to take a moment.
const PROBES = 40;
// A neighbour may take most of the machine between the probes and the messages.
const MARGIN = 2;
// What starts with the first messages, and what a worker reads twice a second.
const LEAST_MS = 5_000;

/**
 * A due time by which this machine has posted and holds so many messages, as a first few showed.
 *
 * `probe` posts a number of messages, and resolves when all of them are held, or have landed if they are due at once.
 */
export async function dueInTime(count: number, probe: (messages: number) => Promise<unknown>): Promise<number> {
  // The first ones find everything cold.
  await probe(PROBES);
  const startedAt = Date.now();
  await probe(PROBES);
  const perMessageMs = (Date.now() - startedAt) / PROBES;
  return Math.round(Date.now() + LEAST_MS + MARGIN * count * perMessageMs);
}
