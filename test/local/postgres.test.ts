import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDatabase, dropDatabase, withClient } from '../../local/databases';
import { type RunningPostgres, startPostgres } from '../../local/postgres';
import { reachableFolder } from '../../local/postgres-account';
import { isRunning, until } from '../../local/processes';
import { startedByKilledParent } from './killed-parent';

const asRoot = process.getuid?.() === 0 ? test : test.skip;

describe('a local PostgreSQL', () => {
  const running = new Set<RunningPostgres>();
  let dataFolder: string;

  beforeEach(() => {
    dataFolder = mkdtempSync(join(tmpdir(), 'postdate-pg-'));
  });

  afterEach(async () => {
    await Promise.all([...running].map((server) => server.stop()));
    running.clear();
    rmSync(dataFolder, { recursive: true, force: true });
  });

  const start = async (durable = false) => {
    const server = await startPostgres({ dataFolder, durable });
    running.add(server);
    return server;
  };

  const stop = async (server: RunningPostgres) => {
    await server.stop();
    running.delete(server);
  };

  const query = async (url: string, text: string) => (await withClient(url, (client) => client.query(text))).rows;

  test('keeps its data over a restart', async () => {
    const first = await start(true);
    await query(first.url, 'CREATE TABLE note AS SELECT 7 AS number');
    await stop(first);
    expect(await isRunning(first.pid)).toBe(false);

    const second = await start(true);
    expect(second.attached).toBe(false);
    expect(await query(second.url, 'SELECT number FROM note')).toEqual([{ number: 7 }]);
  });

  test('keeps what was committed when it is killed hard', async () => {
    const first = await start(true);
    await query(first.url, 'CREATE TABLE note AS SELECT 7 AS number');
    // A backend that computes does not notice the end of its server before its statement is over.
    const busy = query(first.url, 'SELECT count(*) FROM generate_series(1, 5000000) AS n WHERE n % 3 = 1');
    await until(async () => {
      const active = await query(first.url, `SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT count%'`);
      if (active.length === 0) throw new Error('the statement does not run yet');
    }, 10_000);
    process.kill(first.pid, 'SIGKILL');
    await busy.catch(() => {});
    running.delete(first);

    const second = await start(true);
    expect(second.pid).not.toBe(first.pid);
    expect(await query(second.url, 'SELECT number FROM note')).toEqual([{ number: 7 }]);
  });

  test('survives its parent, is attached to by the next start, and ends with it', async () => {
    const orphan = await startedByKilledParent<RunningPostgres>('postgres', 'startPostgres', { dataFolder });
    expect(await isRunning(orphan.pid)).toBe(true);

    const server = await start();
    expect(server).toMatchObject({ attached: true, pid: orphan.pid, port: orphan.port, url: orphan.url });
    expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await stop(server);
    expect(await isRunning(orphan.pid)).toBe(false);
  });

  test('runs once when two start it on one folder at one moment', async () => {
    await stop(await start());
    const [one, two] = await Promise.all([start(), start()]);
    expect(one.pid).toBe(two.pid);
    expect([one.attached, two.attached].sort()).toEqual([false, true]);
  });

  test('ends at once although connections are open', async () => {
    const server = await start();
    const cut = withClient(server.url, async (client) => {
      const sleeping = client.query('SELECT pg_sleep(600)');
      await Promise.all([stop(server), expect(sleeping).rejects.toThrow()]);
    });
    await cut;
    expect(await isRunning(server.pid)).toBe(false);
  });

  test('creates a database once when two ask for it at one moment, and drops it with open connections', async () => {
    const { url } = await start();
    const [one, two] = await Promise.all([createDatabase(url, 'the "notes"'), createDatabase(url, 'the "notes"')]);
    expect(one).toBe(two);
    expect(await query(one, 'SELECT current_database() AS name')).toEqual([{ name: 'the "notes"' }]);

    await withClient(one, () => dropDatabase(url, 'the "notes"'));
    await expect(query(one, 'SELECT 1')).rejects.toThrow('does not exist');
  });

  test('sorts text alike on every machine', async () => {
    const { url } = await start();
    const sorted = await query(url, `SELECT string_agg(w, ' ' ORDER BY w) AS words FROM unnest('{b,a,B,ä}'::text[]) w`);
    expect(sorted).toEqual([{ words: 'B a b ä' }]);
  });

  test('shows the end of its log when it cannot start', async () => {
    const { port } = await start();
    const other = mkdtempSync(join(tmpdir(), 'postdate-pg-'));
    try {
      await expect(startPostgres({ dataFolder: other, port, durable: false })).rejects.toThrow(
        'Address already in use',
      );
    } finally {
      rmSync(other, { recursive: true });
    }
  });

  asRoot('says what to do when its account cannot reach the folder, and knows a place that it can', async () => {
    // A temporary folder is mode 700 and root's: whatever lies in it is out of reach.
    const closed = join(dataFolder, 'data');
    await expect(startPostgres({ dataFolder: closed })).rejects.toThrow(/cannot reach .*data.* set DATABASE_URL/s);
    expect(reachableFolder(closed)).not.toBe(closed);
    expect(reachableFolder(dataFolder)).toBe(dataFolder);
  });
});
