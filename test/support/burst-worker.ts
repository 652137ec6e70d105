import { runProcess } from '../../src/process/run-process';
import { startWorker } from '../../src/worker';
import { burstTopic, effectsSchema } from './effects';

// A worker as an installation runs it, in a process of its own, for tests that kill or stop one.
void runProcess((config, log, stopping) =>
  startWorker(config, { topics: [burstTopic], consumers: [], schemas: [effectsSchema] }, log, stopping),
);
