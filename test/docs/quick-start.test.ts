import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { Client as DatabaseClient } from 'pg';
import { onPath } from '../../local/executables';
import { startNats } from '../../local/nats';
import { freePort } from '../../local/ports';
import { scripts } from '../../package.json';
import { eventually } from '../support/eventually';
import { expectEnded, printedPids, runLocal, useFolder } from '../support/local-process';
import { commandsOf, ROOT, readPage } from '../support/pages';
import { type Shell, withShell } from '../support/shell';

const PAGE = 'docs/quick-start.md';
const python = onPath('python3');
const natsServer = process.env.POSTDATE_TEST_NATS_SERVER;
const [hasPython, hasNats] = [Boolean(python), Boolean(natsServer && onPath('go'))];
const word = `${hasPython ? '' : ' (not by webhook: there is no python3)'}${hasNats ? '' : ' (not on NATS: there is no Go, or no nats-server)'}`;
/** Whether this block can be run here. */
const isPossible = ({ text }: { text: string }) =>
  (hasPython || !/python3|WEBHOOK_SECRETS/.test(text)) && (hasNats || !/listener|effects\.jsonl/.test(text));
const folder = useFolder();

/** A checkout in which nothing has been started yet: this one, but for what a start leaves behind. */
function checkout(): string {
  const path = join(folder.path, 'checkout');
  mkdirSync(path);
  for (const name of readdirSync(ROOT)) {
    if (name !== '.postdate') symlinkSync(join(ROOT, name), join(path, name));
  }
  return path;
}

/** Runs what the page says, in its order, and compares every answer that it shows. */
async function followThePage(shell: Shell, database: DatabaseClient, look: () => Promise<void>) {
  const commands = commandsOf(PAGE).filter(isPossible);
  expect(commands.map(({ language }) => language)).toEqual(expect.arrayContaining(['sh', 'sql', 'ts']));
  for (const { language, text, answers } of commands) {
    if (language === 'sql') await database.query(text);
    // The reader has it as a file, which a later command runs.
    else if (language === 'ts') expect(readFileSync(join(ROOT, 'examples', 'quick-start.ts'), 'utf8')).toBe(text);
    else if (language !== 'sh') throw new Error(`${PAGE} has ${language}, which nobody runs here`);
    else await runAndCompare(shell, text, answers, look);
  }
}

async function runAndCompare(
  shell: Shell,
  text: string,
  answers: { language: string; text: string }[],
  look: () => Promise<void>,
) {
  const [answer] = answers;
  if (answer?.language === 'json') {
    expect(JSON.parse(await shell.run(text))).toEqual(JSON.parse(answer.text));
  } else if (answer) {
    // A list, which shows what Temporal has heard of so far: a reader is slower than a dispatcher, a test is not.
    await eventually(async () => expect(await shell.run(`${text.trimEnd()} || true`)).toBe(answer.text));
    if (text.includes(' list ')) await look();
  } else await shell.run(text);
}

it(`a stranger posts from curl, SQL and TypeScript, sees it waiting, finds it in the Web UI, listens, and takes it back${word}`, async () => {
  const path = checkout();
  const api = `127.0.0.1:${await freePort()}`;
  // The block that no test runs as it stands is this program, under another address.
  const asked = 'POSTDATE_HTTP_ADDRESS=127.0.0.1:8080 npm start\n';
  expect(readPage(PAGE)).toContain(asked);
  expect(scripts.start).toBe('node --import tsx local/start.ts');
  const nats = hasNats ? await startNats({ executable: natsServer as string, folder: folder.path }) : undefined;
  const natsUrl = nats && `nats://127.0.0.1:${nats.port}`;
  const stack = runLocal('local/start.ts', {
    env: {
      POSTDATE_DATA_FOLDER: join(path, '.postdate'),
      POSTDATE_HTTP_ADDRESS: api,
      POSTDATE_NATS_URL: natsUrl,
    },
  });
  const [, address] = await stack.prints(/TEMPORAL_ADDRESS=(\S+)/);
  const [, databaseUrl] = await stack.prints(/DATABASE_URL=(\S+)/);
  const [, webUi] = await stack.prints(/waiting messages: (http:\/\/[^/]+)/);
  await stack.prints(/Ctrl-C stops/);

  const { DATABASE_URL, TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, ...env } = process.env;
  const database = new DatabaseClient({ connectionString: databaseUrl });
  await database.connect();
  const connection = await Connection.connect({ address });
  const found: string[][] = [];
  try {
    const look = async () => {
      found.push(await foundByItsLink(webUi as string, new Client({ connection })));
    };
    const others = { API: `http://${api}`, PORT: String(await freePort()), NATS_URL: natsUrl };
    await withShell({ cwd: path, env: { ...env, ...others } }, (shell) => followThePage(shell, database, look));
    const { rows } = await database.query('select key, outcome, reason from postdate.delivery order by key');
    expect(rows).toEqual(
      ['from-curl', 'from-sql', 'from-typescript'].map((key) => ({ key, outcome: 'cancelled', reason: 'cancelled' })),
    );
  } finally {
    await connection.close();
    await database.end();
    stack.signal('SIGINT');
    await nats?.stop();
  }
  expect(await stack.exitCode).toBe(0);
  await expectEnded(printedPids(stack.printed()));
  // It would send the next shell to servers that are gone.
  expect(existsSync(join(path, '.postdate', 'env'))).toBe(false);
  // While it waits, and when it has ended, the link finds that one message and no other.
  expect(found).toEqual(Array(2).fill(['postdate:payment-request.expiry:acme:from-sql']));
}, 400_000);

/** The workflows that the page's link to one message shows, asked for as the Web UI asks for them. */
async function foundByItsLink(webUi: string, client: Client): Promise<string[]> {
  const [, link] = /<(http:\/\/127\.0\.0\.1:8233\/[^>]+)>/.exec(readPage(PAGE)) ?? [];
  const { pathname, search, searchParams } = new URL(link as string);
  const shown = await fetch(`${webUi}${pathname}${search}`);
  expect(shown.status).toBe(200);
  const asked = await fetch(`${webUi}/api/v1${pathname}${search}`);
  const { executions } = (await asked.json()) as { executions: { execution: { workflowId: string } }[] };
  const ids: string[] = [];
  for await (const { workflowId } of client.workflow.list({ query: searchParams.get('query') as string }))
    ids.push(workflowId);
  expect(executions.map(({ execution }) => execution.workflowId)).toEqual(ids);
  return ids;
}
