import { installation } from '../../app/installation';
import type { Topic } from '../../src';
import { runWorker } from '../../src/worker';
import { paymentRequestExpiry2 } from './expiry';

/** The second version of the expiry in place of the first. */
const newer = (topic: Topic): Topic => (topic.name === paymentRequestExpiry2.name ? paymentRequestExpiry2 : topic);

// One build for both: first as the worker of a lane (POSTDATE_LANE=canary), and when all is well as stable's.
void runWorker({ ...installation, topics: installation.topics.map(newer) });
