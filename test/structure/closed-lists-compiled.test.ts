import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(__dirname, '..', '..');
const SOURCES = ['src', 'app', 'chaos', 'bench', 'local', 'package.json', 'tsconfig.json'];

// One more case in each list, and each file that then has a case too few.
const CASES = [
  {
    what: 'outcome',
    file: 'src/message/decision.ts',
    find: `'failed'] as const`,
    more: `'expired'`,
    in: ['src/message/decision.ts'],
  },
  {
    what: 'command',
    file: 'src/message/commands.ts',
    find: `'move'] as const`,
    more: `'pause'`,
    in: ['src/producing/dispatch/execute-command.ts'],
  },
  {
    what: 'answer of a command',
    file: 'src/message/commands.ts',
    find: `export type CancelAnswer =`,
    more: `{ result: 'paused' }`,
    in: ['src/cli/answer-text.ts', 'src/http/responses.ts'],
  },
  {
    what: 'conflict',
    file: 'src/producing/post.ts',
    find: `'move'] as const`,
    more: `'replace'`,
    in: ['src/producing/schedule.ts'],
  },
  {
    what: 'missed cycle',
    file: 'src/message/contract.ts',
    find: `'all'] as const`,
    more: `'last'`,
    in: ['src/message/repeat.ts'],
  },
  {
    what: 'state of a message',
    file: 'src/producing/message-status.ts',
    find: `'failed'] as const`,
    more: `'paused'`,
    in: ['src/producing/list.ts'],
  },
  {
    what: 'answer of a consumer',
    file: 'src/events/answers/answer.ts',
    find: `z.discriminatedUnion('do', [`,
    more: `z.strictObject({ do: z.literal('later') })`,
    in: ['src/events/answers/answer.ts'],
  },
  {
    what: 'optional field of a message',
    file: 'src/message/contract.ts',
    find: 'export interface OptionalFields {',
    more: 'priority?: number;',
    in: [
      'src/cli/schedule.ts',
      'src/producing/in-transaction.ts',
      'src/message/contract-fields.ts',
      'src/message/optional-fields.ts',
    ],
  },
  {
    what: 'mode of a lane',
    file: 'src/delivery/lanes/lane.ts',
    find: `'stopped'] as const`,
    more: `'paused'`,
    in: ['src/operating/doctor/lanes.ts'],
  },
  {
    what: 'percentage',
    file: 'src/delivery/lanes/lane.ts',
    find: `'key'] as const`,
    more: `'region'`,
    in: ['src/cli/lane-text.ts', 'src/delivery/lanes/choose-lane.ts'],
  },
  {
    what: 'difference of an audit',
    file: 'src/operating/audit/differences.ts',
    find: `  'notRelayed',\n]`,
    more: `'other'`,
    in: ['src/operating/audit/differences.ts'],
  },
  {
    what: 'finding of the doctor',
    file: 'src/operating/doctor/finding.ts',
    find: `'warn' | 'fail'`,
    more: `'info'`,
    in: ['src/cli/doctor.ts'],
  },
  {
    what: 'fault of chaos',
    file: 'chaos/plan/fault-plan.ts',
    find: `| 'fillDisk'`,
    more: `'fillCache'`,
    in: ['chaos/system/faults.ts'],
  },
];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'postdate-lists-'));
  const isOurs = (path: string) => !path.includes('node_modules');
  for (const part of SOURCES) cpSync(join(ROOT, part), join(folder, part), { recursive: true, filter: isOurs });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const config = { extends: './tsconfig.json', include: ['src', 'chaos'] };
  writeFileSync(join(folder, 'tsconfig.lists.json'), JSON.stringify(config));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The files in which the compiler finds something wrong. */
function wrongFiles(): string[] {
  const tsc = join(ROOT, 'node_modules', '.bin', 'tsc');
  const { status, stdout } = spawnSync(tsc, ['-p', 'tsconfig.lists.json'], { cwd: folder, encoding: 'utf8' });
  const files = [...stdout.matchAll(/^(\S+?)\(\d+,\d+\): error/gm)].map(([, file]) => file as string);
  expect(files.length > 0).toBe(status !== 0);
  return [...new Set(files)].sort();
}

it('without a case more everything compiles (the control)', () => {
  expect(wrongFiles()).toEqual([]);
}, 300_000);

it('a case that is in a list and is handled nowhere does not compile', () => {
  for (const { file, find, more } of CASES) {
    const path = join(folder, file);
    const text = readFileSync(path, 'utf8');
    expect({ file, find, places: text.split(find).length - 1 }).toEqual({ file, find, places: 1 });
    writeFileSync(path, text.replace(find, withMore(find, more)));
  }
  expect(wrongFiles()).toEqual([...new Set(CASES.flatMap((one) => one.in))].sort());
}, 300_000);

/** A list, or what begins it, with one case more. */
function withMore(find: string, more: string): string {
  if (find.endsWith('{')) return `${find} ${more}`;
  if (find.endsWith('[')) return `${find}${more}, `;
  if (find.endsWith('=')) return `${find} ${more} |`;
  if (find.includes(']')) return find.replace(/,?\s*\]/, `, ${more}]`);
  return `${find} | ${more}`;
}
