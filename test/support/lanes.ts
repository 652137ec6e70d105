import { nanoid } from 'nanoid';
import { Client } from 'pg';
import { lookAround } from '../../src/delivery/held/look-around';
import type { TestDatabase } from './database';

// SQLSTATE of a session that is ended from outside.
const ADMIN_SHUTDOWN = '57P01';

/**
 * Workers that land nothing, and say that they live as long as the file's tests run: which lane of which topics they serve. PostgreSQL
 * says it for them, twice a second as a worker does: this process may be too busy to say anything for seconds.
 */
export function useLiveWorkers(database: TestDatabase) {
  return async function liveWorker({ lane, topics, build }: { lane: string; topics: string[]; build?: string }) {
    const id = nanoid();
    await lookAround(database.pool, id, { lane, topics, build });
    const session = new Client({ connectionString: database.url });
    // It ends with its database, which is dropped by force.
    session.on('error', () => undefined);
    await session.connect();
    await session.query(`
      create or replace procedure pg_temp.stay_alive(known text) language plpgsql as $$
      begin
        loop
          update postdate.worker set seen_at = clock_timestamp() where id = known;
          commit;
          perform pg_sleep(0.5);
        end loop;
      end $$`);
    session.query(`call pg_temp.stay_alive('${id}')`).catch((error) => {
      if (error.code !== ADMIN_SHUTDOWN) process.stderr.write(`live worker: ${error.message}\n`);
    });
  };
}
