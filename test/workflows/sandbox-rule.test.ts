import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const ROOT = join(__dirname, '..', '..');
const RULES = /lint\/(style\/noRestricted(Imports|Globals)|nursery\/noJsRestrictedProperties)/;

const FORBIDDEN = {
  'a Node module': `import { readFileSync } from 'node:fs';\nexport const x = readFileSync('x');\n`,
  'a Node module without its prefix': `import { hostname } from 'os';\nexport const x = hostname();\n`,
  nanoid: `import { nanoid } from 'nanoid';\nexport const x = nanoid();\n`,
  zod: `import { z } from 'zod';\nexport const x = z.string();\n`,
  Intl: `export const x = new Intl.DateTimeFormat('en');\n`,
  'Temporal.Now': `export const x = Temporal.Now.instant();\n`,
  'a local-time getter': `export const x = new Date(0).getHours();\n`,
  'a locale-dependent string': `export const x = new Date(0).toLocaleString();\n`,
};

/** What the project's linter says of one file with this text at this path, in a folder that holds nothing else. */
function lint(path: string, text: string): { status: number | null; said: string } {
  const folder = mkdtempSync(join(tmpdir(), 'postdate-lint-'));
  try {
    copyFileSync(join(ROOT, 'biome.json'), join(folder, 'biome.json'));
    copyFileSync(join(ROOT, '.gitignore'), join(folder, '.gitignore'));
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
    const biome = join(ROOT, 'node_modules', '.bin', 'biome');
    const { status, stdout, stderr } = spawnSync(biome, ['lint', '--colors=off', 'src'], {
      cwd: folder,
      encoding: 'utf8',
    });
    return { status, said: `${stdout}${stderr}` };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

// All but the first are bundled with the workflows, which import them.
describe.each([
  'src/workflows/example.ts',
  'src/message/contract.ts',
  'src/message/commands.ts',
  'src/message/decision.ts',
  'src/message/admission.ts',
  'src/message/refusal.ts',
  'src/message/lane-name.ts',
  'src/message/due-time.ts',
  'src/message/wake.ts',
  'src/message/decoding.ts',
  'src/message/contract-fields.ts',
  'src/message/read-message.ts',
  'src/message/size.ts',
])('%s', (path) => {
  it.each(Object.entries(FORBIDDEN))('may not use %s', (_what, text) => {
    const { status, said } = lint(path, text);
    expect(said).toMatch(RULES);
    expect(status).not.toBe(0);
  });

  it('may use epoch milliseconds and UTC (the control)', () => {
    const { status, said } = lint(path, 'export const x = new Date(Date.now()).getUTCHours();\n');
    expect(said).toContain('Checked 1 file');
    expect(status).toBe(0);
  });
});

it.each(Object.entries(FORBIDDEN))('an activity may use %s (the control)', (_what, text) => {
  const { said } = lint('src/activities/example.ts', text);
  expect(said).toContain('Checked 1 file');
  expect(said).not.toMatch(RULES);
});
