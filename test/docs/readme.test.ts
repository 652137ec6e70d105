import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'kysely';
import { invoiceReminder } from '../../examples/invoice-reminder';
import { scripts } from '../../package.json';
import { land } from '../../src/delivery/landing/landing';
import { useDatabase } from '../support/database';
import { commandsOf, ROOT, readPage } from '../support/pages';

const readme = readPage('README.md');
const blocks = (language: string) =>
  commandsOf('README.md').flatMap((block) => (block.language === language ? block.text : []));

const database = useDatabase({
  schema: 'billing',
  migrations: {
    '0001-invoice': {
      async up(db) {
        await sql`create table billing.invoice (tenant text, id text, paid_at timestamptz)`.execute(db);
        await sql`insert into billing.invoice values ('acme', 'open', null), ('acme', 'paid', now())`.execute(db);
      },
    },
  },
});

it('the commands in README are what CI runs in a clean checkout', () => {
  const commands = blocks('sh').flatMap((block) => block.trim().split('\n'));
  expect(commands).toEqual(['npm ci', 'npm run demo']);
  const ci = readFileSync(join(ROOT, '.ci', 'run'), 'utf8').split('\n');
  for (const command of [...commands, 'npm run check']) expect(ci).toContain(command);
});

it('every npm script that README names exists', () => {
  const named = [...readme.matchAll(/npm (?:run )?([a-z:]+)/g)]
    .map((match) => match[1])
    .filter((name) => name !== 'ci');
  expect(named).toEqual(expect.arrayContaining(['demo', 'start', 'dev', 'test']));
  for (const name of named) expect(scripts).toHaveProperty(name as string);
});

it('every file that README names is there, and it is short enough to be read', () => {
  const named = [...readme.matchAll(/\]\(([^)#:]+)\)|`((?:src|local|examples)\/[\w./-]*)`/g)].map(
    (match) => match[1] ?? match[2],
  );
  expect(named.length).toBeGreaterThan(8);
  for (const path of named)
    expect({ path, there: existsSync(join(ROOT, path as string)) }).toEqual({ path, there: true });
  expect(readme.split('\n').length).toBeLessThanOrEqual(121);
});

it("README's topic is the compiled example, word for word, and there is nothing else to run", () => {
  expect(blocks('ts').length + blocks('sh').length).toBe(commandsOf('README.md').length);
  expect(blocks('ts')).toEqual([readFileSync(join(ROOT, 'examples', 'invoice-reminder.ts'), 'utf8')]);
});

it("README's topic reminds three times, a week apart, and not of a paid invoice", async () => {
  const remind = async (key: string, cycle: number, dueAt = Date.now() - 1_000) => {
    const message = {
      v: 1 as const,
      topic: invoiceReminder.name,
      tenant: 'acme',
      key,
      cycle,
      dueAt,
      payload: { customer: 'c-9' },
    };
    const [landing] = await land(database.pool, invoiceReminder, [{ message, late: false }]);
    return landing && 'decision' in landing ? landing.decision : undefined;
  };
  const dueAt = Date.now() - 1_000;
  expect(await remind('open', 1, dueAt)).toMatchObject({ next: { cycle: 2, dueAt: dueAt + 7 * 86_400_000 } });
  expect(await remind('open', 2)).toMatchObject({ next: { cycle: 3 } });
  expect(await remind('open', 3)).toMatchObject({ outcome: 'delivered', next: undefined });
  expect(await remind('paid', 1)).toMatchObject({ outcome: 'skipped' });
  const { rows } = await database.pool.query(
    `select count(*)::int as n from postdate.outbox where type = 'invoice.reminded'`,
  );
  expect(rows).toEqual([{ n: 3 }]);
});
