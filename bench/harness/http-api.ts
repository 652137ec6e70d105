import { startHttp } from '../../src/http/start';
import { runProcess } from '../../src/process/run-process';
import { requestExpiry } from './request-expiry';

// The production API, configured by the environment as everywhere; only the topic is the benchmark's.
const topic = requestExpiry({ name: process.env.BENCH_TOPIC ?? 'bench.expiry' });

void runProcess((config, log) => startHttp(config, { topics: [topic], consumers: [], schemas: [] }, log));

// If the benchmark that started it dies, this ends it. The channel alone must not keep it alive.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
process.channel?.unref();
