import { STABLE } from '../../src/message/lane-name';
import { startLaneWorker } from '../../src/process/lane-worker';
import { runProcess } from '../../src/process/run-process';
import { startWorker } from '../../src/worker';
import { type Conduct, topicOf } from './topic';

// The production worker, for the lane that the environment names; only the topic is the benchmark's, in this build.
const { BENCH_LEAD_MS, BENCH_CONDUCT, BENCH_MET_FILE: metFile } = process.env;

void runProcess((config, log, stopping) => {
  const topic = topicOf({
    build: config.build ?? '',
    leadMs: Number(BENCH_LEAD_MS),
    conduct: BENCH_CONDUCT as Conduct,
    metFile,
  });
  const parts = { topics: [topic], consumers: [], schemas: [] };
  return (config.lane === STABLE ? startWorker : startLaneWorker)(config, parts, log, stopping);
});

// If the benchmark that started it dies, this ends it. The channel alone must not keep it alive.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
process.channel?.unref();
