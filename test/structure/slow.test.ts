import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

type Filter = (files: string[]) => Promise<{ filtered: string[] }>;

const ROOT = join(__dirname, '..', '..');
const { SLOW } = require('../slow') as { SLOW: string[] };
const LongestFirst = require('../support/longest-first');
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

it('slow files begin in the order of their list, whatever their size', async () => {
  const hasteFS = { getSize: (path: string) => path.length };
  const context = { config: { id: 'test', rootDir: ROOT, cacheDirectory: tmpdir() }, hasteFS };
  const slow = SLOW.map((file) => ({ path: join(ROOT, file), context }));
  const sorted: typeof slow = await new LongestFirst({}).sort([...slow].reverse());
  expect(sorted.map(({ path }) => path)).toEqual(slow.map(({ path }) => path));
});
