import { MultiBar } from 'cli-progress';
import type { Pool } from 'pg';
import pc from 'picocolors';
import { runInBackground } from '../src/background-loop';
import { readStream } from '../src/consumer';

/** Shows each event of the stream as it arrives, with a bar of how many payment requests have ended. */
export function showEvents(pool: Pool, from: number, total: number) {
  let position = from;
  const bars = new MultiBar({
    format: ' {bar} {value} of {total} payment requests have ended, {duration_formatted}',
    noTTYOutput: true,
    notTTYSchedule: 5_000,
    hideCursor: true,
  });
  const bar = bars.create(total, 0);
  const loop = runInBackground(
    async () => {
      const events = await readStream(pool, position, 100);
      for (const { position: at, event } of events) {
        const { payer, payee, amount, currency } = event.data;
        const ended = /\.(paid|cancelled|expired)$/.test(event.type);
        bars.log(
          `${pc.dim(event.time)} ${event.type.padEnd(26)} ${event.subject} ${pc.dim(`${payer} → ${payee} ${amount} ${currency}`)}\n`,
        );
        if (ended) bar.increment();
        position = at;
      }
      // Without a terminal each update would be another line.
      if (process.stdout.isTTY) bars.update();
      return events.length > 0 ? 'more' : 'idle';
    },
    { pauseMs: 200, onError: (error) => bars.log(`reading the stream: ${(error as Error).message}\n`) },
  );
  return {
    async stop() {
      await loop.stop();
      bars.stop();
    },
  };
}
