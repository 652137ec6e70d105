import { runProcess } from '../../src/process/run-process';
import { startWorker } from '../../src/worker';
import { hangingTopic, plainTopic } from './effects';

// To be killed while it has a delivery in its hands, and workflows of whose tasks it is the sticky worker.
const hanging = { ...hangingTopic, handle: () => new Promise<never>(() => undefined) };
void runProcess((config, log, stopping) =>
  startWorker(config, { topics: [hanging, plainTopic], consumers: [], schemas: [] }, log, stopping),
);
