import { postdate } from '../../src/cli/main';
import { effectTopic } from '../support/effects';

// The program as an installation has it whose one topic is the tests'.
void postdate(process.argv.slice(2), { topics: [effectTopic()], consumers: [], schemas: [] });
