import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { mutants } from './mutants';
import { placesOf, runWith } from './plant';

it('every planted bug still has its place', async () => {
  for (const mutant of mutants) {
    expect({ name: mutant.name, places: await placesOf(mutant) }).toEqual({ name: mutant.name, places: 1 });
  }
});

it('every test that is to find a planted bug is there', () => {
  const missing = mutants.flatMap(({ tests }) =>
    tests.filter((file) => !existsSync(join(__dirname, '..', '..', file))),
  );
  expect(missing).toEqual([]);
});

it('a planted bug turns a test red, which is green without it', async () => {
  const [mutant] = mutants.filter(({ tests }) => tests.includes('test/message/repeat.test.ts'));
  if (!mutant) throw new Error('there is no quick mutant');
  expect(await runWith(mutant.tests)).toBe('survived');
  expect(await runWith(mutant.tests, mutant)).toBe('caught');
}, 300_000);
