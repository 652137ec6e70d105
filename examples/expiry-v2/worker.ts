import type { Config } from '../../src/config';
import { type Installation, installed } from '../../src/installation';
import { STABLE } from '../../src/lane-name';
import { startLaneWorker } from '../../src/lane-worker';
import { runProcess } from '../../src/process';
import { startWorker } from '../../src/worker';
import { paymentRequestExpiry2 } from './expiry';

/** All that is installed, with the second version of the expiry in place of the first. */
const partsOf = (config: Config): Installation => {
  const parts = installed(config);
  const newer = (topic: Installation['topics'][number]) =>
    topic.name === paymentRequestExpiry2.name ? paymentRequestExpiry2 : topic;
  return { ...parts, topics: parts.topics.map(newer) };
};

// One build for both: first as the worker of a lane (POSTDATE_LANE=canary), and when all is well as stable's.
if (require.main === module)
  void runProcess((config, log, stopping) =>
    (config.lane === STABLE ? startWorker : startLaneWorker)(config, partsOf(config), log, stopping),
  );
