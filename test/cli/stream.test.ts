import { appendEvents } from '../../src/events/outbox';
import { relayBatch } from '../../src/events/relay';
import { useDatabase } from '../support/database';
import { runLocal, useFolder } from '../support/local-process';

const database = useDatabase();
useFolder();

const run = (...args: string[]) => runLocal('app/cli.ts', { args, env: { DATABASE_URL: database.url } });
async function postdate(...args: string[]) {
  const cli = run(...args);
  return { code: await cli.ended, printed: cli.printed(), errors: cli.errors() };
}
/** Events of these tenants, in the stream. */
async function emit(type: string, ...tenants: string[]): Promise<void> {
  const origin = { topic: 'test.effect', key: 'k', cycle: 1 };
  await appendEvents(
    database.pool,
    tenants.map((tenant) => ({ origin: { ...origin, tenant }, type, data: { secret: 'of a person' } })),
  );
  await relayBatch(database.pool);
}
const linesOf = (printed: string) =>
  printed
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

it('events are read from a position, by type and tenant, and followed until Ctrl-C', async () => {
  await emit('test.one', 'acme', 'globex', 'initech');
  await emit('test.two', 'acme');
  const all = await postdate('events');
  expect(all).toMatchObject({ code: 0, errors: '' });
  expect(all.printed).toMatch(/^ +1 {2}20.*Z {2}test\.one {2}acme\/k {2}cycle 1\n/);
  expect(all.printed.trim().split('\n')).toHaveLength(4);
  expect(all.printed).not.toContain('of a person');
  const some = await postdate('events', '--from', '1', '--type', 'test.one', '--limit', '1', '--json');
  expect(linesOf(some.printed)).toMatchObject([{ position: 2, event: { tenant: 'globex', type: 'test.one' } }]);

  const following = run('events', '--from', '3', '--follow', '--json', '--tenant', 'acme');
  await following.prints(/test\.two/);
  await emit('test.three', 'globex', 'acme');
  await following.prints(/test\.three/);
  following.signal('SIGINT');
  expect(await following.ended).toBe(0);
  expect(linesOf(following.printed()).map(({ position }) => position)).toEqual([4, 6]);
});

it('a consumer is given events again, after a look at how many, and never skips any', async () => {
  await database.pool.query(`insert into postdate.consumer (name, position) values ('ledger', 5)`);
  const position = async () =>
    Number(
      (await database.pool.query(`select position from postdate.consumer where name = 'ledger'`)).rows[0].position,
    );
  const replay = (...args: string[]) => postdate('replay', '--consumer', 'ledger', '--json', ...args);
  const looked = await replay('--from', '2', '--dry-run');
  expect(JSON.parse(looked.printed)).toEqual({ consumer: 'ledger', from: 2, before: 5, events: 3, dryRun: true });
  expect(await position()).toBe(5);
  const ahead = await replay('--from', '6');
  expect(ahead).toMatchObject({
    code: 2,
    printed: ahead.errors,
    errors: expect.stringMatching(/^error: .*up to 5\n$/),
  });
  expect(await position()).toBe(5);
  expect(await replay('--from', '2')).toMatchObject({ code: 0, errors: '' });
  expect(await position()).toBe(2);
  const unknown = await postdate('replay', '--consumer', 'nobody', '--from', '0');
  expect(unknown).toMatchObject({ code: 2, errors: 'error: there is no consumer nobody; known are ledger\n' });
});
