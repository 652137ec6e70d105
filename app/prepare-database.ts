import { runPrepareDatabase } from '../src/prepare-database';
import { installation } from './installation';

void runPrepareDatabase(installation);
