import { runPrepareDatabase } from '../src/process/prepare-database';
import { installation } from './installation';

void runPrepareDatabase(installation);
