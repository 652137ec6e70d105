import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openApiText } from '../src/http/api';

// docs/openapi.json, from the schemas of the API.
writeFileSync(join(__dirname, '..', 'docs', 'openapi.json'), openApiText());
