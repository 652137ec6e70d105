import { nanoid } from 'nanoid';
import { lookAround } from '../../src/delivery/held/look-around';
import type { TestDatabase } from './database';

// A worker's own pace is twice a second.
const SAYS_ALIVE_MS = 500;

/** Workers that land nothing, and say that they live as long as the file's tests run: which lane of which topics they serve. */
export function useLiveWorkers(database: TestDatabase) {
  const ends: (() => void)[] = [];
  afterAll(() => {
    for (const end of ends) end();
  });
  return async function liveWorker({ lane, topics, build }: { lane: string; topics: string[]; build?: string }) {
    const id = nanoid();
    const alive = () => lookAround(database.pool, id, { lane, topics, build });
    await alive();
    // One that fails is not seen, and what counts on it says so.
    const timer = setInterval(() => void alive().catch(() => undefined), SAYS_ALIVE_MS);
    ends.push(() => clearInterval(timer));
  };
}
