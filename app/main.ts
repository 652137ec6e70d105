import { runWorker } from '../src/worker';
import { installation } from './installation';

void runWorker(installation);
