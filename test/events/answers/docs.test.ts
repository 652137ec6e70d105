import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installation } from '../../../app/installation';
import { paymentsSchema } from '../../../app/payment-requests/schema';
import { readConfig } from '../../../src/process/config';
import { installed } from '../../../src/process/installation';
import { useDatabase } from '../../support/database';
import { useHttp } from '../../support/http';
import { useTemporal } from '../../support/temporal';

const ROOT = join(__dirname, '..', '..', '..');
const page = readFileSync(join(ROOT, 'docs', 'forward.md'), 'utf8');
const [, declared] = /^POSTDATE_FORWARD_TOPICS='(.*)'$/m.exec(page) ?? [];
const env = { POSTDATE_FORWARD_TOPICS: declared };
const temporal = useTemporal();
const database = useDatabase(paymentsSchema);
const parts = installed(readConfig({ ...env, DATABASE_URL: 'postgres://nobody@127.0.0.1/none' }), installation);
const http = useHttp(temporal, database, parts);
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'postdate-forward-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What a shell prints for a command of the page, with what http.md has set up before. */
async function printedBy(command: string): Promise<string> {
  const api = 'api() { curl -sS -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" "$@"; }';
  const shell = spawn('bash', ['-euc', `${api}\n${command.replace('event.json', '"$FOLDER/event.json"')}`], {
    cwd: ROOT,
    env: {
      ...temporal.envFor(database),
      ...env,
      API: `http://${http.address}`,
      KEY: http.keys.acme,
      FOLDER: folder,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  shell.stdout.on('data', (chunk) => {
    printed += chunk;
  });
  expect({ command, code: await new Promise((resolve) => shell.once('close', resolve)) }).toEqual({ command, code: 0 });
  return printed;
}

/** Instants, and places in the stream, are of the day on which the page was written. */
const timeless = (json: unknown) =>
  JSON.parse(JSON.stringify(json).replaceAll(/"(time|dueAt|answeredAt)":"2026[^"]*"/g, '"$1":"then"'));

it('the commands of docs/forward.md do what it says, one after the other', async () => {
  const blocks = [...page.matchAll(/^```(sh|json|sql)\n(.*?)^```/gms)].map(([, language, text]) => ({
    language,
    text: text as string,
  }));
  expect(blocks.map(({ language }) => language)).toEqual(['sh', 'sh', 'json', 'sh', 'json', 'sql', 'sh']);
  await temporal.withWorker(database, parts, async () => {
    let printed = '';
    for (const { language, text } of blocks) {
      if (language === 'sh') printed = await printedBy(text);
      else if (language === 'json') expect(timeless(JSON.parse(printed))).toEqual(timeless(JSON.parse(text)));
      else {
        const { rows } = await database.pool.query(text);
        expect(rows[0].answer).toMatchObject({ result: 'answeredBefore', do: 'again' });
      }
    }
    expect(printed).toMatch(/^answeredBefore, at \S+: again, due 2030-01-01T08:00:00\.000Z in cycle 2\n$/);
  });
});
