import { nanoid } from 'nanoid';
import { schedule } from '../../src/client';
import type { Topic } from '../../src/topics/topic';
import { useDatabase } from '../support/database';
import { effectsSchema, plainTopic, traces } from '../support/effects';
import { eventually } from '../support/eventually';
import { runLocal, useFolder } from '../support/local-process';
import { ODD } from '../support/odd-values';
import { useTemporal } from '../support/temporal';

const database = useDatabase(effectsSchema);
const temporal = useTemporal();
useFolder();
const once = { effects: 1, decisions: 1, events: 1 };

it('what a handler or an upcast leaves behind ends no process: its message lands, its neighbours land, and the log names it', async () => {
  const worker = runLocal('test/support/careless-worker.ts', { env: temporal.envFor(database) as never });
  await worker.prints(/worker is running/);
  const post = async (topic: string, note: string) => {
    const key = nanoid();
    const posted = { ...plainTopic, name: topic } as Topic;
    const payload = { note } as never;
    await schedule(temporal.client, { topic: posted, tenant: 'acme', key, dueAt: Date.now() + 200, payload });
    return key;
  };
  const landed = (key: string) => eventually(async () => expect(await traces(database.pool, key)).toEqual(once));
  const left = [
    await post('test.careless', 'a rejected promise'),
    await post('test.careless', 'a timer that throws'),
    await post('test.upcasting', 'n'),
  ];
  for (const key of left) await landed(key);
  await worker.prints(/"part":"upcast","topic":"test.upcasting".*was rejected/);
  for (const key of left.slice(0, 2)) await worker.prints(new RegExp(`"level":50.*"part":"handler".*"key":"${key}"`));
  await landed(await post('test.effect', 'a neighbour'));
  // The process that landed the first has landed the last.
  const { rows } = await database.pool.query('select count(*)::int as workers from postdate.worker');
  expect(rows).toEqual([{ workers: 1 }]);
  worker.signal('SIGTERM');
  expect(await worker.ended).toBe(0);
  expect(worker.printed()).not.toContain('secret');
});

const run = async (scene: string) => {
  const program = runLocal('test/support/left-behind.ts', { args: [scene] });
  const code = await program.ended;
  const lines = program
    .printed()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return { code, errors: lines.filter(({ level }) => level >= 50), counts: lines.at(-1).counts };
};
const inMessage = { part: 'handler', topic: 'test.left', tenant: 'acme', key: 'k', cycle: 1 };

it.each(['rejected promises', 'timers that throw'])('%s of every odd kind are counted and named', async (scene) => {
  const odd = Object.keys(ODD).length;
  const { code, errors, counts } = await run(scene);
  expect({ code, counts }).toEqual({ code: 0, counts: { handler: odd } });
  expect(errors).toHaveLength(odd);
  for (const line of errors) expect(line).toMatchObject({ ...inMessage, level: 50, err: { type: expect.any(String) } });
});

it('so are an emitter, a microtask that knows no message, and a promise that fails later', async () => {
  const scene = await run('an emitter, a microtask, and a promise that fails later');
  expect(scene).toMatchObject({ code: 0, counts: { handler: 2, process: 1 } });
  expect(JSON.stringify(scene.errors)).not.toContain('secret');
});

it('a promise of our own is reported as that, and an exception of our own still ends the process', async () => {
  expect(await run('a promise of our own')).toMatchObject({
    code: 0,
    counts: { process: 1 },
    errors: [{ level: 50, part: 'process', err: { type: 'MessageError' } }],
  });
  const { code, errors } = await run('an exception of our own');
  expect({ code, errors }).toMatchObject({ code: 1, errors: [{ level: 60, err: { type: 'MessageError' } }] });
});
