import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { installation } from '../../app/installation';
import { paymentsSchema } from '../../app/payment-requests/schema';
import { invoiceReminder } from '../../examples/invoice-reminder';
import { REFUSAL_CODES } from '../../src/message/refusal';
import { useDatabase } from '../support/database';
import { useHttp } from '../support/http';
import { commandsOf, ROOT, readPage } from '../support/pages';
import { withShell } from '../support/shell';
import { useTemporal } from '../support/temporal';

const page = readPage('docs/http.md');
const temporal = useTemporal();
const database = useDatabase(paymentsSchema);
const parts = { ...installation, topics: [...installation.topics, invoiceReminder] };
const http = useHttp(temporal, database, parts);

/** What one shell prints for each of these commands, run one after the other. */
const runInOneShell = (commands: string[]): Promise<string[]> =>
  withShell({ env: { ...process.env, DATABASE_URL: database.url, API: `http://${http.address}` } }, async ({ run }) => {
    const printed: string[] = [];
    for (const command of commands) printed.push(await run(command));
    return printed;
  });

it('the commands of docs/http.md do what it says', async () => {
  const commands = commandsOf('docs/http.md');
  expect(commands.map(({ language }) => language)).toEqual(Array(commands.length).fill('sh'));
  await temporal.withWorker(database, parts, async () => {
    const printed = await runInOneShell(commands.map(({ text }) => text));
    // What only defines something prints nothing.
    const answers = printed.flatMap((text) => (text.trim() === '' ? [] : [JSON.parse(text)]));
    const shown = commands.flatMap((command, index) => command.answers.map(({ text }) => ({ text, index })));
    expect(shown.length).toBeGreaterThanOrEqual(5);
    for (const { text, index } of shown) expect(JSON.parse(printed[index] as string)).toEqual(JSON.parse(text));
    expect(answers[1]).toMatchObject({ state: 'waiting', dueAt: '2030-01-01T08:00:00.000Z' });
    expect(answers[2]).toEqual({ messages: expect.any(Array) });
    const batch = answers.find((answer) => 'answers' in answer);
    expect(batch.answers).toMatchObject([
      { status: 201 },
      { status: 400, body: { code: 'invalidDueAt', field: 'dueAt' } },
    ]);
    const lanes = answers.filter(({ result }) => result === 'dryRun' || result === 'changed');
    expect(lanes.map(({ result }) => result)).toEqual(['dryRun', 'changed', 'changed', 'changed']);
    expect(lanes[0]).toMatchObject({ caught: expect.any(Number), tenants: expect.any(Array) });
    expect(answers.at(-1).changes.map(({ what }: { what: string }) => what)).toEqual(['stop', 'ramp', 'set']);
  });
});

it('it names every code that the API has, and no other', () => {
  const source = readFileSync(join(ROOT, 'src', 'http', 'problems.ts'), 'utf8');
  const codes = [...source.matchAll(/^ {2}(\w+): \[(\d{3}),/gm)].map(([, code, status]) => `${status} ${code}`);
  const rows = [...page.matchAll(/^\| (\d{3}) \| (`.*?`) \|/gm)];
  const named = rows.flatMap(([, status, cell]) =>
    [...(cell as string).matchAll(/`(\w+)`/g)].map(([, code]) => `${status} ${code}`),
  );
  const refusals = REFUSAL_CODES.map((code) => `400 ${code}`);
  expect(codes.length).toBeGreaterThan(15);
  for (const code of codes) expect(named).toContain(code);
  for (const code of named) expect([...codes, ...refusals]).toContain(code);
});

it('api-key revoke and list say what became of a key', async () => {
  const [created, listed, revoked, listedAgain] = await runInOneShell([
    `KEY=$(npm run -s postdate -- api-key create --tenant globex --label 'a label'); curl -s -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $KEY" $API/v1/messages`,
    'ID=$(echo $KEY | cut -d_ -f2); npm run -s postdate -- api-key list | grep $ID',
    `npm run -s postdate -- api-key revoke $ID; curl -s -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $KEY" $API/v1/messages`,
    `npm run -s postdate -- api-key list | grep $ID; npm run -s postdate -- api-key revoke $ID || echo none`,
  ]);
  expect(created).toBe('200');
  expect(listed).toMatch(/^[0-9a-f]{16} {2}globex {2}a label {2}made \d{4}-\S+$/m);
  expect(revoked).toBe('401');
  expect(listedAgain).toMatch(/revoked \d{4}-.*\nnone/);
});
