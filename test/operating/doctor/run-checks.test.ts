import { errorText } from '../../../src/cli/failure';
import { type Check, type Finding, ok, runChecks } from '../../../src/operating/doctor/finding';
import { ODD } from '../../support/odd-values';

async function run(checks: Check[], timeLimitMs?: number): Promise<Finding[]> {
  const found: Finding[] = [];
  for await (const finding of runChecks(checks, errorText, timeLimitMs)) found.push(finding);
  return found;
}
const well: Check = { name: 'well', run: async () => ok('all') };

it.each(Object.keys(ODD))('a check that fails with %s fails alone', async (kind) => {
  const odd: Check = { name: 'odd', run: () => Promise.reject(ODD[kind]?.()) };
  expect(await run([odd, well])).toEqual([
    { check: 'odd', status: 'warn', says: expect.stringMatching(/^could not be checked: /), todo: expect.any(String) },
    { check: 'well', status: 'ok', says: 'all' },
  ]);
});

it('a check that throws at once, or never answers, fails alone', async () => {
  const throws: Check = {
    name: 'throws',
    run() {
      throw new Error('no such thing');
    },
  };
  const hangs: Check = { name: 'hangs', run: () => new Promise(() => undefined) };
  expect((await run([throws, hangs, well], 20)).map(({ check, says }) => `${check}: ${says}`)).toEqual([
    'throws: could not be checked: no such thing',
    'hangs: could not be checked: no answer within 0.02 s',
    'well: all',
  ]);
});
