import { createServer, type Server } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'pg';
import { type Link, startLink } from '../../chaos/system/proxy';
import { useDatabase } from '../support/database';
import { eventually } from '../support/eventually';

const database = useDatabase();
let link: Link;
let url: string;
beforeEach(async () => {
  const direct = new URL(database.url);
  link = await startLink(() => Number(direct.port));
  url = Object.assign(new URL(database.url), { port: String(link.port) }).href;
});
afterEach(() => link.stop());

async function connected(): Promise<Client> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

it('a link that passes is as good as none', async () => {
  const client = await connected();
  expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  await client.end();
  expect(link.bites()).toBe(0);
});

it('a refusing link breaks what is there, lets nobody in, and is good again afterwards', async () => {
  const client = await connected();
  link.setMode('refuse');
  await expect(client.query('select 1')).rejects.toThrow();
  await expect(connected()).rejects.toThrow();
  expect(link.bites()).toBeGreaterThanOrEqual(2);
  link.setMode('pass');
  const again = await connected();
  await again.end();
});

it('a resetting link lets everybody in, and cuts them off in the middle of their work', async () => {
  link.setMode('reset');
  const client = await connected();
  const work = async () => {
    for (;;) await client.query('select 1');
  };
  await expect(work()).rejects.toThrow();
  expect(link.bites()).toBeGreaterThanOrEqual(1);
  link.setMode('pass');
  const again = await connected();
  await again.end();
});

it('a black hole keeps everybody waiting, and loses nothing', async () => {
  const client = await connected();
  link.setMode('blackHole');
  let answered = false;
  const answer = client.query('select 2 as two').finally(() => {
    answered = true;
  });
  await pause(600);
  expect(answered).toBe(false);
  link.setMode('pass');
  expect((await answer).rows).toEqual([{ two: 2 }]);
  await client.end();
});

it('a commit whose answer is dropped is done, and its caller cannot know', async () => {
  await database.pool.query('create table told (id int primary key)');
  const client = await connected();
  link.setMode('dropReplyToCommit');
  await client.query('begin');
  await client.query('insert into told values (1)');
  await expect(client.query('commit')).rejects.toThrow();
  await eventually(async () => expect((await database.pool.query('select id from told')).rows).toEqual([{ id: 1 }]));
  expect(link.bites()).toBe(1);
});

it('what nobody listens for on the other side is closed at once', async () => {
  const nobody: Server = createServer();
  await new Promise<void>((resolve) => nobody.listen(0, '127.0.0.1', resolve));
  const { port } = nobody.address() as { port: number };
  await new Promise((resolve) => nobody.close(resolve));
  const dead = await startLink(() => port);
  const client = new Client({
    connectionString: Object.assign(new URL(database.url), { port: String(dead.port) }).href,
  });
  client.on('error', () => undefined);
  await expect(client.connect()).rejects.toThrow();
  await dead.stop();
});
