import { takeAbandoned, writeHeld } from '../../../src/delivery/held/held-rows';
import { lookAround } from '../../../src/delivery/held/look-around';
import { findOverdueRows } from '../../../src/topics/business-rows';
import { useDatabase } from '../../support/database';
import { effectMessage, groupTopic } from '../../support/effects';

const database = useDatabase();

describe.each([
  ['said half a minute ago that it is at work', '-30 s', 'dead'],
  ['said so while the clock was a day ahead, and never since', '1 day', 'dead'],
  ['said so a moment ago', '-1 s', 'well'],
  ['said so a moment before the clock went back a little', '1 s', 'well'],
])('a worker that %s', (_, seen, is) => {
  const topic = { ...groupTopic(), name: `test.seen ${seen}` };
  const message = effectMessage(-60_000, { topic: topic.name });
  beforeEach(async () => {
    await database.pool.query('truncate postdate.worker, postdate.held');
    await database.pool.query(
      `insert into postdate.worker (id, seen_at) values ('it', clock_timestamp() + $1::interval)`,
      [seen],
    );
    await writeHeld(database.pool, { worker: 'it', lane: 'stable' }, [{ message, late: false }]);
  });

  it(`is ${is} to the others`, async () => {
    expect((await lookAround(database.pool, 'other', { lane: 'stable', topics: [] })).dead).toEqual(
      is === 'dead' ? ['it'] : [],
    );
  });

  it(`${is === 'dead' ? 'loses' : 'keeps'} what is overdue, with rows and without`, async () => {
    const businessRows = `select tenant, key, cycle, true as waits, '{}'::jsonb as payload,
                                 clock_timestamp() - interval '1 minute' as due_at from postdate.held`;
    const missed = await findOverdueRows(
      database.pool,
      { ...topic, businessRows },
      { graceMs: 1_000, limit: 9, except: [] },
    );
    expect(missed.map(({ key }) => key)).toEqual(is === 'dead' ? [message.key] : []);
    const taken = await takeAbandoned(database.pool, 'other', { topic: topic.name, graceMs: 1_000, limit: 9 });
    expect(taken).toEqual(is === 'dead' ? [{ message, late: false }] : []);
  });
});
