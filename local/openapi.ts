import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installation } from '../app/installation';
import { openApiText } from '../src/http/application-routes';

// docs/openapi.json, from the schemas of the API and of what is installed.
writeFileSync(join(__dirname, '..', 'docs', 'openapi.json'), openApiText(installation));
