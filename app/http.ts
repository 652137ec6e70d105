import { runHttp } from '../src/http';
import { installation } from './installation';

void runHttp(installation);
