import { existsSync } from 'node:fs';
import { join } from 'node:path';

type Filter = (files: string[]) => Promise<{ filtered: string[] }>;

const ROOT = join(__dirname, '..', '..');
const { SLOW } = require('../slow') as { SLOW: string[] };
const onlyQuick = require('../support/only-quick') as Filter;
const onlySlow = require('../support/only-slow') as Filter;

it('every slow file is there, and once on the list', () => {
  expect(SLOW.length).toBeGreaterThan(0);
  expect(SLOW.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
  expect(SLOW).toEqual([...new Set(SLOW)]);
});

it('each test file is run by npm test or by npm run test:slow, and none by both', async () => {
  const quick = [__filename, join(ROOT, 'test', 'not-yet-written.test.ts')];
  const slow = SLOW.map((file) => join(ROOT, file));
  expect(await onlyQuick([...quick, ...slow])).toEqual({ filtered: quick });
  expect(await onlySlow([...quick, ...slow])).toEqual({ filtered: slow });
});
