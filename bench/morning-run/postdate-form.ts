import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import type { BenchContext } from '../harness/context';
import { drained } from '../harness/drained';
import { NAMESPACE } from '../harness/namespace';
import { requestExpiry } from '../harness/request-expiry';
import { countOpenWorkflows } from '../harness/temporal-tables';
import type { Form, WindowSize } from './form';
import { holding } from './holding';
import { PLACES, place } from './places';
import { requestId } from './request-rows';

// Far longer than the posting takes: every message goes straight to the hold, and no wake falls into any window.
const LEAD_MS = 4 * 3_600_000;
// The rate of the warm-up may not be kept; too early an instant would spoil all windows.
const RESERVE = 1.3;
const STANDSTILL_MS = 120_000;

export interface Pace {
  perSecond?: number;
  group: number;
}

/**
 * Postdate's own worker. All windows' messages are posted and held before the first window, on all cores; then what
 * belongs to the scheduler goes to its own core, and the windows follow each other with nothing but their landings.
 */
export const postdateForm = (
  { bench, ...size }: { bench: BenchContext; name: string } & WindowSize,
  { perSecond, group }: Pace,
): Form => ({
  ...size,
  async start() {
    const { cluster, database } = bench;
    const { dueRows, windows, restoreMs } = size;
    const topic = requestExpiry({ name: `morning.${perSecond ?? 'all'}-${group}`, leadMs: LEAD_MS });
    const worker = await bench.start(topic.name, {
      file: join(__dirname, '..', 'harness', 'postdate-worker.ts'),
      ready: 'worker is running',
      env: {
        DATABASE_URL: database.url,
        TEMPORAL_ADDRESS: cluster.address,
        TEMPORAL_NAMESPACE: NAMESPACE,
        BENCH_TOPIC: topic.name,
        BENCH_LEAD_MS: String(LEAD_MS),
        BENCH_PACE: perSecond === undefined ? '' : String(perSecond),
        POSTDATE_LANDING_GROUP: String(group),
        // All windows' messages are held at one time; a workflow out of the cache is replayed from its history.
        POSTDATE_HELD_MESSAGES: String(Math.max(10_000, dueRows * windows)),
        POSTDATE_CACHED_WORKFLOWS: String(Math.max(500, dueRows * windows)),
      },
      cpus: PLACES?.setUp,
    });
    const scheduler = [cluster.pid, cluster.postgresPid, worker.pid];
    await place(scheduler, 'setUp');
    const connection = await Connection.connect({ address: cluster.address });
    const client = new Client({ connection, namespace: NAMESPACE });

    const messages = holding(bench, client, topic);
    const perSecondHeld = await messages.warmUp();

    const lengthMs = perSecond === undefined ? 1_000 : (dueRows / perSecond) * 1_000;
    // Room for the window, for what comes after it in the worker, and for restoring the table before the next.
    const apartMs = 1.5 * lengthMs + restoreMs + 4_000;
    const postingMs = ((dueRows * windows) / perSecondHeld) * 1_000 * RESERVE;
    const firstDueAt = Date.now() + postingMs + restoreMs + 10_000;
    const dueAtOf = (window: number) => Math.round(firstDueAt + window * apartMs);
    const tenantOf = (window: number) => `w${window}`;
    const rate = await messages.post(
      Array.from({ length: dueRows * windows }, (_, index) => {
        const window = Math.floor(index / dueRows);
        return { tenant: tenantOf(window), key: requestId((index % dueRows) + 1), dueAt: dueAtOf(window) };
      }),
    );
    const leftMs = firstDueAt - restoreMs - Date.now();
    if (leftMs < 0) throw new Error(`${size.name}: the first window came before all messages were held`);
    bench.log(`  posted and held ${Math.round(rate)} a second; ${Math.round(leftMs / 1_000)} s to the first window`);
    await place(scheduler, 'scheduler');

    return {
      dueAt: async (window) => dueAtOf(window),
      done: (window) => drained(async () => dueRows - (await messages.landed(tenantOf(window))), STANDSTILL_MS),
      events: (window) => messages.told(tenantOf(window)),
      async stop() {
        // What is left of the workflows must not be done in the next form's windows.
        await place(scheduler, 'setUp');
        const left = await drained(() => countOpenWorkflows(cluster.temporalDatabases.main, NAMESPACE), STANDSTILL_MS);
        if (left > 0) bench.log(`${left} workflows had not ended`);
        await worker.stop();
        await connection.close();
        await place([cluster.pid, cluster.postgresPid], 'scheduler');
      },
    };
  },
});
