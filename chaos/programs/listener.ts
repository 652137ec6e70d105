import { setTimeout as pause } from 'node:timers/promises';
import type { Consumer } from '../../src/events/consumer';
import { startConsumer } from '../../src/events/start-consumer';
import { createPool } from '../../src/platform/database/pool';
import { writeLine } from './diary';

/** A listener to the stream, outside of the database, which may be killed. It records every delivery. */
function main(): void {
  const [file] = process.argv.slice(2) as [string];
  const pool = createPool(process.env.DATABASE_URL as string, { connections: 2, onError: () => undefined });
  const consumer: Consumer = {
    name: 'chaos.listener',
    from: 'start',
    async handle(_, { position, event: { id, type, subject } }) {
      writeLine(file, { at: Date.now(), position, id, type, subject });
      // Slow enough to be killed between hearing and having heard, fast enough to keep up.
      await pause(30);
    },
  };
  startConsumer(pool, consumer, { onError: () => undefined, pauseMs: 200 });
  process.stdout.write('listener is running\n');
}

main();
