import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installation } from '../app/installation';
import { asyncApiText } from '../src/events/asyncapi/document';

// docs/asyncapi.json, from the events that the installed topics declare.
writeFileSync(join(__dirname, '..', 'docs', 'asyncapi.json'), asyncApiText(installation.topics));
