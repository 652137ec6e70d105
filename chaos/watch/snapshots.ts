import { setTimeout as pause } from 'node:timers/promises';
import { runAudit } from '../../src/operating/audit/audit';
import { createPool } from '../../src/platform/database/pool';
import { readRequests } from '../checks/evidence';
import { standingChecks } from '../checks/requests';
import { violationsOf } from '../checks/violation';
import { chaosInstallation } from '../programs/beat';
import { type DiaryLine, readLines } from '../programs/diary';

export interface Snapshots {
  taken: number;
  /** What did not add up, or did not agree. */
  problems: string[];
}

// Late is what faults make of a message; everything else must agree in every snapshot.
const OF_TIME = ['overdue', 'notRelayed'];

/**
 * Audits the application's database every second, past all proxies, as often as it can be reached, and holds it against what
 * everyone had been told until then; until stopped.
 */
export function takeSnapshots(databaseUrl: string, diaries: string[]): { stop(): Promise<Snapshots> } {
  const pool = createPool(databaseUrl, { connections: 1, onError: () => undefined });
  const snapshots: Snapshots = { taken: 0, problems: [] };
  let stopped = false;
  const running = (async () => {
    while (!stopped) {
      // Away, it has nothing to say; the audit is in one snapshot or there is none.
      await look().catch(() => undefined);
      await pause(1_000);
    }
  })();

  async function look(): Promise<void> {
    // Read first: what is answered after this may not be in the rows yet.
    const diary = diaries.flatMap((file) => readLines<DiaryLine>(file));
    const requests = await readRequests(pool);
    const { at, topics, differences } = await runAudit(pool, chaosInstallation.topics);
    snapshots.taken += 1;
    for (const { invariant, what, ids } of violationsOf(standingChecks, { requests, diary })) {
      snapshots.problems.push(`${at}: ${invariant} ${what}: ${ids.join(', ')}`);
    }
    for (const { topic, tenants } of topics) {
      for (const { tenant, gap } of tenants) {
        if (gap !== 0) snapshots.problems.push(`${at}: gap ${gap} of ${topic} ${tenant}`);
      }
    }
    for (const { kind, id } of differences)
      if (!OF_TIME.includes(kind)) snapshots.problems.push(`${at}: ${kind} ${id}`);
  }

  return {
    async stop() {
      stopped = true;
      await running;
      await pool.end();
      return snapshots;
    },
  };
}
