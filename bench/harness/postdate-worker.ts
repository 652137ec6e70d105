import { runProcess } from '../../src/process/run-process';
import { startWorker } from '../../src/worker';
import { REQUEST_ROWS, requestExpiry } from './request-expiry';

// The production worker, configured by the environment as everywhere; only the topic is the benchmark's.
const { BENCH_TOPIC = 'bench.expiry', BENCH_LEAD_MS, BENCH_PACE, BENCH_HANDLER, BENCH_BY_SETS } = process.env;
const given = (value: string | undefined) => (value ? Number(value) : undefined);
const setBased = requestExpiry({
  name: BENCH_TOPIC,
  leadMs: given(BENCH_LEAD_MS),
  landingsPerSecond: given(BENCH_PACE),
  bySets: BENCH_BY_SETS === 'always' ? 'always' : undefined,
  businessRows: BENCH_HANDLER === 'with-rows' ? REQUEST_ROWS : undefined,
});
const topic = BENCH_HANDLER === 'plain' ? { ...setBased, landAll: undefined } : setBased;

void runProcess((config, log, stopping) =>
  startWorker(config, { topics: [topic], consumers: [], schemas: [] }, log, stopping),
);

// If the benchmark that started it dies, this ends it. The channel alone must not keep it alive.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
process.channel?.unref();
