import { canaryReport, deviationsOf, type Landing, type Wave } from '../../local/demo-canary-report';
import { expectEnded, printedPids, runLocal, succeeded, useFolder } from '../support/local-process';

const folder = useFolder();

it('the demo of a release gives the second version to one tenant, to 10 % and to all, as the rules say, and leaves nothing running', async () => {
  const demo = runLocal('local/demo.ts', { args: ['--canary'], env: { TMPDIR: folder.path } });
  await succeeded(demo);
  const printed = demo.printed();
  const [v1, v2] = ['stable v1: 2 expired', 'canary v2: 2 reminded, 2 expired'];
  const rowOf = (tenant: string) => new RegExp(`│ ${tenant} .*`).exec(printed)?.[0].split(/ *│ */).slice(2, -1);
  expect(rowOf('hooli')).toEqual([v2, v2, v2]);
  expect(rowOf('monarch')).toEqual([v1, v2, v2]);
  expect(rowOf('acme')).toEqual([v1, v1, v2]);
  expect(printed.match(/stable v1: 2 expired/g)).toHaveLength(19 + 18);
  expect(printed).toContain('every payment request expired once, by the version that the rules name for its tenant');
  await expectEnded(printedPids(printed));
}, 300_000);

describe('the table of the release says', () => {
  const waves: Wave[] = [
    {
      name: 'one tenant',
      expected: new Map([
        ['hooli/1', { tenant: 'hooli', lane: 'canary' }],
        ['acme/1', { tenant: 'acme', lane: 'stable' }],
      ]),
    },
  ];
  const right: Landing[] = [
    { subject: 'hooli/1', lane: 'canary', reason: 'a rule', decisions: 1, reminded: 1, expired: 1, lateMs: 3 },
    { subject: 'acme/1', lane: 'stable', reason: null, decisions: 1, reminded: 0, expired: 1, lateMs: 2.4 },
  ];
  const changed = (index: number, change: Partial<Landing>) =>
    right.map((landing, at) => (at === index ? { ...landing, ...change } : landing));

  it('nothing, when all is as the rules say (the control)', () => {
    expect(deviationsOf(waves, right)).toEqual([]);
    const builds = new Map([
      ['stable', 'v1'],
      ['canary', 'v2'],
    ]);
    const lines = canaryReport({ tenants: ['hooli', 'acme'], waves, builds }, right).split('\n');
    expect(lines.find((line) => line.includes('hooli'))).toContain('canary v2: 1 reminded, 1 expired');
    expect(lines.find((line) => line.includes('acme'))).toContain('stable v1: 1 expired');
    expect(lines.at(-2)).toContain('canary 3 ms, stable 2 ms');
  });

  it.each<[string, Landing[], string]>([
    ['a loss', right.slice(0, 1), 'acme/1 (one tenant) was lost'],
    [
      'another lane',
      changed(0, { lane: 'stable', reason: 'canary did not land it', reminded: 0 }),
      'hooli/1 (one tenant) landed in stable, not in canary: canary did not land it',
    ],
    ["the other version's effect", changed(1, { reminded: 1 }), 'acme/1 (one tenant) was reminded of 1 times, not 0'],
    ['no effect', changed(0, { expired: 0 }), 'hooli/1 (one tenant) expired 0 times'],
    ['a second effect', changed(1, { expired: 2 }), 'acme/1 (one tenant) expired 2 times'],
    ['a second decision', changed(1, { decisions: 2 }), 'acme/1 (one tenant) was decided 2 times'],
  ])('%s', (_, landings, says) => {
    expect(deviationsOf(waves, landings)).toEqual([says]);
  });
});
