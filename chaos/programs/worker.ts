import { runProcess } from '../../src/process/run-process';
import { startWorker } from '../../src/worker';
import { chaosInstallation } from './beat';

void runProcess((config, log, stopping) => startWorker(config, chaosInstallation, log, stopping));
