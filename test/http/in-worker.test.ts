import pino from 'pino';
import { isServedInWorker } from '../../src/http/in-worker';
import { readConfig } from '../../src/process/config';

const address = { POSTDATE_HTTP_ADDRESS: '127.0.0.1:8080' };
const serve = { POSTDATE_HTTP_IN_WORKER: 'serve' };
const off = { POSTDATE_HTTP_IN_WORKER: 'off' };

it.each([
  ['nothing', {}, false, 0],
  ['an address alone, as in older configurations', address, true, 1],
  ['serve', serve, true, 0],
  ['serve and an address', { ...serve, ...address }, true, 0],
  ['off', off, false, 0],
  ['off and an address, which another process has', { ...off, ...address }, false, 0],
])('whether a worker serves the API by %s', (_what, env, isServed, warnings) => {
  const lines: string[] = [];
  const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
  const servers = { DATABASE_URL: 'postgres://localhost/x', TEMPORAL_ADDRESS: 'localhost:7233' };
  expect(isServedInWorker(readConfig({ ...servers, ...env }), log)).toBe(isServed);
  expect(lines).toHaveLength(warnings);
  for (const line of lines) expect(line).toContain('"level":40');
});
