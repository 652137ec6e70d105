import { runHttp } from '../src/http/start';
import { installation } from './installation';

void runHttp(installation);
