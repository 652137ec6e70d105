import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asyncApiText } from '../src/asyncapi/document';
import { installation } from '../src/installation';

// docs/asyncapi.json, from the events that the installed topics declare.
writeFileSync(join(__dirname, '..', 'docs', 'asyncapi.json'), asyncApiText(installation.topics));
