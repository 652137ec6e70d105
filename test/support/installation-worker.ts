import { runProcess } from '../../src/process/run-process';
import { startWorker } from '../../src/worker';
import { expiryIn, type Name, ordersSchema } from './two-installations';

// The worker of one of two installations, in a process of its own. It lands in the database of its environment, whatever topic it has.
const topic = expiryIn(process.env.TEST_INSTALLATION as Name);

void runProcess((config, log, stopping) =>
  startWorker(config, { topics: [topic], consumers: [], schemas: [ordersSchema] }, log, stopping),
);
