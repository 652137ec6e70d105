import { setTimeout as pause } from 'node:timers/promises';
import { startConsumer } from '../src/consumer';
import { createPool } from '../src/database';
import { writeLine } from './diary';

/** Somebody who listens to the stream, outside the database, and may be killed: writes down every delivery. */
function main(): void {
  const [diary] = process.argv.slice(2) as [string];
  const pool = createPool(process.env.DATABASE_URL as string, { connections: 2, onError: () => undefined });
  const consumer = {
    name: 'chaos.listener',
    from: 'start' as const,
    async handle(
      _tx: unknown,
      { position, event }: { position: number; event: { id: string; type: string; subject: string; cycle: number } },
    ) {
      const { id, type, subject, cycle } = event;
      writeLine(diary, { at: Date.now(), position, id, type, subject, cycle });
      // Slow enough to be killed between hearing and having heard.
      await pause(40);
    },
  };
  startConsumer(pool, consumer, { onError: () => undefined });
  process.stdout.write('listener is running\n');
}

main();
