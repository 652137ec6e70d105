import { MultiBar } from 'cli-progress';
import type { Pool } from 'pg';
import pc from 'picocolors';
import { readStream } from '../src/events/stream';
import { runInBackground } from '../src/platform/loops/background-loop';

/** Shows each event of this run as it arrives, with a bar of how many of its payment requests have ended. */
export function showEvents(pool: Pool, { from, run, total }: { from: number; run: string; total: number }) {
  let position = from;
  const bars = new MultiBar({
    format: ' {bar} {value} of {total} payment requests have ended, {duration_formatted}',
    noTTYOutput: true,
    notTTYSchedule: 5_000,
    hideCursor: true,
  });
  const bar = bars.create(total, 0);

  async function showNew(): Promise<'more' | 'idle'> {
    const events = await readStream(pool, position, 100);
    for (const { position: at, event } of events) {
      position = at;
      if (!event.subject.endsWith(run)) continue;
      const { payer, payee, amount, currency } = event.data;
      const about = pc.dim(`${payer} → ${payee} ${amount} ${currency}`);
      bars.log(`${pc.dim(event.time)} ${event.type.padEnd(26)} ${event.subject} ${about}\n`);
      if (/\.(paid|cancelled|expired)$/.test(event.type)) bar.increment();
    }
    // Without a terminal each update would be another line.
    if (process.stdout.isTTY || events.length > 0) bars.update();
    return events.length > 0 ? 'more' : 'idle';
  }

  const onError = (error: unknown) => bars.log(`reading the stream: ${(error as Error).message}\n`);
  const loop = runInBackground(showNew, { pauseMs: 200, onError });
  return {
    /** Shows what is left and ends. */
    async stop() {
      await loop.stop();
      while ((await showNew()) === 'more');
      bars.stop();
    },
  };
}
