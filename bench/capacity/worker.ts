import { runProcess } from '../../src/process/run-process';
import { startWorker } from '../../src/worker';
import { topicsOf } from './topics';

// The production worker, configured by the environment as everywhere; only the topics are the benchmark's.
const topics = Object.values(topicsOf(process.env.BENCH_INSTALLATION as string));

void runProcess((config, log, stopping) => startWorker(config, { topics, consumers: [], schemas: [] }, log, stopping));

// If the benchmark that started it dies, this ends it. The channel alone must not keep it alive.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
process.channel?.unref();
