import { again, done, type HandlerAnswer, PermanentFailure, skip } from '../../../../src/topics/topic';
import { useDatabase } from '../../../support/database';
import { ODD } from '../../../support/odd-values';
import { type Handle, shelfSchema, shelfTopic, useShelf } from '../../../support/shadow';

const database = useDatabase(shelfSchema);
const shelf = useShelf(database);

/** Changes the row, adds one with a key that the database makes, and tells of it. */
const sell =
  (answer: HandlerAnswer = done, { state = 'sold', words = 'sold', extra = {} } = {}): Handle =>
  async ({ query, emit }, { tenant, key }) => {
    await query(
      'update shelf.thing set state = $3, amount = amount + 0.0000000001, touched_at = clock_timestamp() where tenant = $1 and id = $2',
      [tenant, key, state],
    );
    await query('insert into shelf.note (tenant, thing, words) values ($1, $2, $3)', [tenant, key, words]);
    await emit('test.sold', { state, at: { touchedAt: performance.now() }, ...extra });
    return answer;
  };
const remove: Handle = async ({ query }, { tenant, key }) => {
  await query('delete from shelf.thing where tenant = $1 and id = $2', [tenant, key]);
  return done;
};
const leaveOut: Handle = async () => skip('paid already');
const fail: Handle = async () => {
  throw new PermanentFailure('no such thing');
};
const equal = { different: false, kinds: [], not_compared: null, rows_compared: true, detail: null };

describe('of handlers that do the same nothing is different', () => {
  const nextDueAt = Date.now() + 60_000;
  it.each([
    ['done', sell()],
    ['again', sell(again(nextDueAt))],
    ['skip', leaveOut],
    ['failed', fail],
    ['a row that is gone', remove],
  ])('%s', async (_, handle) => {
    const topic = shelfTopic(handle);
    expect(await shelf.compared(topic, topic, await shelf.delivery())).toMatchObject(equal);
    expect(shelf.errors).toEqual([]);
  });

  it('a message that repeats', async () => {
    const topic = shelfTopic(sell());
    const startAt = Date.now() - 10;
    const repeat = { every: 'PT1H', startAt, at: startAt, done: 0 };
    expect(await shelf.compared(topic, topic, await shelf.delivery({ repeat }))).toMatchObject(equal);
  });

  it('one that is stale for both', async () => {
    const topic = shelfTopic(sell());
    const delivery = await shelf.delivery({ staleAfterMs: 10 }, -1_000);
    expect(await shelf.compared(topic, topic, delivery)).toMatchObject(equal);
  });
});

describe('what is different is found', () => {
  it('the answer: another outcome, another time, other words', async () => {
    const outcome = await shelf.compared(shelfTopic(leaveOut), shelfTopic(fail), await shelf.delivery());
    expect(outcome).toMatchObject({ different: true, kinds: ['answer'] });
    expect(outcome.detail).toEqual({
      answer: {
        outcome: { stable: 'skipped', shadow: 'failed' },
        reason: { stable: 'paid already', shadow: 'no such thing' },
      },
    });
    const [one, two] = [again('2030-01-01T00:00:00Z'), again('2031-01-01T00:00:00Z')];
    const time = await shelf.compared(shelfTopic(sell(one)), shelfTopic(sell(two)), await shelf.delivery());
    expect(time.detail).toEqual({
      answer: { nextDueAt: { stable: '2030-01-01T00:00:00.000Z', shadow: '2031-01-01T00:00:00.000Z' } },
    });
    const volatile = ['touched_at', 'touchedAt', 'nextDueAt'];
    const [stable, shadow] = [shelfTopic(sell(one), { volatile }), shelfTopic(sell(two), { volatile })];
    expect(await shelf.compared(stable, shadow, await shelf.delivery())).toMatchObject(equal);
  });

  it('events: one too many, one too few, other data', async () => {
    const data = await shelf.compared(
      shelfTopic(sell(done, { extra: { n: 1, of: { a: [1, 2] } } })),
      shelfTopic(sell(done, { extra: { n: '1', of: { a: [1, 3] } } })),
      await shelf.delivery(),
    );
    expect(data).toMatchObject({ different: true, kinds: ['events'] });
    expect(data.detail).toEqual({
      events: [
        { type: 'test.sold', fields: { n: { stable: '1', shadow: '"1"' }, 'of.a.1': { stable: '2', shadow: '3' } } },
      ],
    });
    const telling: Handle = async ({ emit }) => {
      await emit('test.told', { to: 'everybody' });
      return done;
    };
    const silent = shelfTopic(async () => done);
    const [few, many] = [
      await shelf.compared(shelfTopic(telling), silent, await shelf.delivery()),
      await shelf.compared(silent, shelfTopic(telling), await shelf.delivery()),
    ];
    expect(few.detail).toEqual({ events: [{ type: 'test.told', only: 'stable' }] });
    expect(many.detail).toEqual({ events: [{ type: 'test.told', only: 'shadow' }] });
  });

  it('rows: another value, one more, one less, and one that is left alone', async () => {
    const stable = shelfTopic(sell());
    const delivery = await shelf.delivery();
    const value = await shelf.compared(stable, shelfTopic(sell(done, { words: 'given away' })), delivery);
    expect(value).toMatchObject({ different: true, kinds: ['rows'] });
    expect(value.detail.rows).toEqual([
      {
        table: 'shelf.note',
        key: [expect.any(String)],
        stable: 'inserted',
        shadow: 'inserted',
        fields: { words: { stable: 'sold', shadow: 'given away' } },
      },
    ]);
    const next = await shelf.delivery();
    const alone = await shelf.compared(
      stable,
      shelfTopic(async ({ emit }) => {
        await emit('test.sold', { state: 'sold', at: {} });
        return done;
      }),
      next,
    );
    const key = ['acme', next.message.key];
    expect(alone.detail.rows).toEqual([
      expect.objectContaining({
        key,
        stable: 'updated',
        shadow: 'unchanged',
        fields: expect.objectContaining({
          state: { stable: 'sold', shadow: 'new' },
          amount: { stable: '12345678901234567890.0123456790', shadow: '12345678901234567890.0123456789' },
        }),
      }),
      { table: 'shelf.note', key: [expect.any(String)], stable: 'inserted', shadow: 'absent' },
    ]);
    const gone = await shelf.compared(
      shelfTopic(async () => done),
      shelfTopic(remove),
      await shelf.delivery(),
    );
    expect(gone.detail.rows).toEqual([expect.objectContaining({ stable: 'unchanged', shadow: 'deleted' })]);
    const kept = await shelf.compared(
      shelfTopic(remove),
      shelfTopic(async () => done),
      await shelf.delivery(),
    );
    expect(kept.detail.rows).toEqual([expect.objectContaining({ stable: 'deleted', shadow: 'unchanged' })]);
  });

  it('failed: the handler throws, and its words, which may repeat a payload, are not kept', async () => {
    const throwing = shelfTopic(async () => {
      throw new TypeError('the secret 4711');
    });
    const failed = await shelf.compared(shelfTopic(sell()), throwing, await shelf.delivery());
    expect(failed).toMatchObject({ different: true, kinds: ['failed'] });
    expect(failed.detail).toEqual({ failed: { type: 'TypeError', at: expect.any(Array) } });
    const wrong = shelfTopic((async () => undefined) as unknown as Handle);
    expect(await shelf.compared(shelfTopic(sell()), wrong, await shelf.delivery())).toMatchObject({
      kinds: ['failed'],
    });
    const twice = shelfTopic(async ({ emit }) => {
      await emit('test.sold', {});
      await emit('test.sold', {});
      return done;
    });
    expect(await shelf.compared(shelfTopic(sell()), twice, await shelf.delivery())).toMatchObject({
      kinds: ['failed'],
    });
  });
});

it('of a topic that observes no rows the rest is compared, and it is said that rows were not', async () => {
  const [stable, shadow] = [sell(), sell(done, { words: 'given away' })].map((handle) =>
    shelfTopic(handle, { observed: undefined }),
  ) as [ReturnType<typeof shelfTopic>, ReturnType<typeof shelfTopic>];
  const compared = await shelf.compared(stable, shadow, await shelf.delivery());
  expect(compared).toMatchObject({ ...equal, rows_compared: false });
  const louder = shelfTopic(sell(done, { state: 'lost' }), { observed: undefined });
  expect(await shelf.compared(stable, louder, await shelf.delivery())).toMatchObject({ kinds: ['events'] });
});

// After the others: few examples are kept of each kind.
it('whatever a handler on trial throws counts as its failure', async () => {
  for (const [name, make] of Object.entries(ODD)) {
    const throwing = shelfTopic(async () => {
      throw make();
    });
    const failed = await shelf.compared(shelfTopic(sell()), throwing, await shelf.delivery());
    expect({ name, ...failed }).toMatchObject({ name, different: true, kinds: ['failed'] });
  }
});

describe('what cannot be compared is counted apart, with its reason', () => {
  const topic = shelfTopic(sell());

  it.each(['cancelled', 'moved'])('%s', async (outcome) => {
    const delivery = await shelf.delivery();
    await shelf.copied(topic, delivery);
    await shelf.pictured(topic);
    const { tenant, key } = delivery.message;
    await shelf.query(
      `insert into postdate.delivery (topic, tenant, key, cycle, outcome, due_at, late, next_cycle, next_due_at)
       values ('test.shelf', $1, $2, 1, $3, now(), false, 2, now())`,
      [tenant, key, outcome],
    );
    await shelf.tried(topic);
    expect(await shelf.comparisonOf(delivery)).toMatchObject({ different: false, not_compared: 'withdrawn' });
  });

  it('landed by another lane', async () => {
    const delivery = await shelf.delivery();
    await shelf.copied(topic, delivery);
    await shelf.pictured(topic);
    await shelf.landed(topic, delivery);
    await shelf.query(`update postdate.delivery set lane = 'canary' where key = $1`, [delivery.message.key]);
    await shelf.tried(topic);
    expect(await shelf.comparisonOf(delivery)).toMatchObject({ not_compared: 'notByStable' });
  });

  it('landed before its rows were read', async () => {
    const delivery = await shelf.delivery();
    await shelf.copied(topic, delivery);
    await shelf.landed(topic, delivery);
    await shelf.pictured(topic);
    await shelf.tried(topic);
    expect(await shelf.comparisonOf(delivery)).toMatchObject({ not_compared: 'readTooLate' });
  });

  it('changed by somebody else between the reading and the landing', async () => {
    const delivery = await shelf.delivery();
    await shelf.copied(topic, delivery);
    await shelf.pictured(topic);
    await shelf.query(`update shelf.thing set state = 'paid' where id = $1`, [delivery.message.key]);
    const paid = shelfTopic(leaveOut);
    await shelf.landed(paid, delivery);
    await shelf.tried(paid);
    expect(await shelf.comparisonOf(delivery)).toMatchObject({ not_compared: 'changedMeanwhile' });
  });

  it('not decided for long', async () => {
    const delivery = await shelf.delivery();
    await shelf.copied(topic, delivery);
    await shelf.tried(topic);
    expect(await shelf.comparisonOf(delivery)).toBeUndefined();
    await shelf.query(`update postdate.shadow_copy set due_at = now() - interval '31 seconds' where key = $1`, [
      delivery.message.key,
    ]);
    await shelf.tried(topic);
    expect(await shelf.comparisonOf(delivery)).toMatchObject({ not_compared: 'undecided' });
  });

  it('rows that a trigger will not have back as they were', async () => {
    await shelf.query(`
      create function shelf.never_back() returns trigger language plpgsql as $$
      begin new.state := old.state; return new; end $$;
      create trigger never_back before update on shelf.thing for each row when (old.state = 'sold')
        execute function shelf.never_back()`);
    const compared = await shelf.compared(topic, topic, await shelf.delivery());
    await shelf.query('drop trigger never_back on shelf.thing; drop function shelf.never_back');
    expect(compared).toMatchObject({ not_compared: 'notPutBack', detail: { because: { type: 'Error' } } });
  });
});

it.each(['57014', '25P03'])(
  'time limit %s, met while rows are restored, says nothing about them: the message is tried again',
  async (code) => {
    const topic = shelfTopic(sell());
    await shelf.query(`
    create function shelf.too_slow() returns trigger language plpgsql as $$
    begin raise exception 'too slow' using errcode = '${code}'; end $$;
    create trigger too_slow before update on shelf.thing for each row when (old.state = 'sold')
      execute function shelf.too_slow()`);
    const delivery = await shelf.delivery();
    expect(await shelf.compared(topic, topic, delivery)).toBeUndefined();
    expect(shelf.errors).toMatchObject([{ code }]);
    await shelf.query('drop trigger too_slow on shelf.thing; drop function shelf.too_slow');
    await shelf.letTakenExpire();
    await shelf.tried(topic);
    expect(await shelf.comparisonOf(delivery)).toMatchObject({ different: false, not_compared: null });
  },
);

it('what a service told of a message just before it was due is not taken for stable’s', async () => {
  const topic = shelfTopic(sell());
  const delivery = await shelf.delivery();
  const { tenant, key } = delivery.message;
  await shelf.query(
    `insert into postdate.outbox (id, aggregatetype, aggregateid, type, payload)
     select 'test.shelf:' || $1 || ':' || $2 || ':1:test.ordered', 'test.shelf', $1 || '/' || $2, 'test.ordered',
            jsonb_build_object('time', to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'data', '{}'::jsonb)`,
    [tenant, key],
  );
  expect(await shelf.compared(topic, topic, delivery)).toMatchObject(equal);
});
