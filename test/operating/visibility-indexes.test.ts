import { nanoid } from 'nanoid';
import type { Client } from 'pg';
import { withClient } from '../../local/databases';
import { changeIndexes, planIndexes } from '../../src/operating/visibility-indexes/change-indexes';
import type { Target } from '../../src/operating/visibility-indexes/plan';
import { eventually } from '../support/eventually';
import { useVisibilityTable } from '../support/visibility-table';

const database = useVisibilityTable();
const use = <Result>(work: (client: Client) => Promise<Result>) => withClient(database.url, work);

/** Each index with its definition and whether it is usable, by its name. */
const indexes = () =>
  use(async (client) => {
    const { rows } = await client.query<{ name: string; definition: string }>(
      `select relname as name, pg_get_indexdef(indexrelid) || case when indisvalid then '' else ' INVALID' end as definition
         from pg_index join pg_class on pg_class.oid = indexrelid
        where indrelid = 'executions_visibility'::regclass order by 1`,
    );
    return Object.fromEntries(rows.map(({ name, definition }) => [name, definition]));
  });
const change = (target: Target) => use((client) => changeIndexes(client, target));
const statementsTo = (target: Target) =>
  use(async (client) => {
    const plan = await planIndexes(client, target);
    return 'refused' in plan ? [] : plan.steps.flatMap(({ statements }) => statements);
  });

/** Resolves when a build waits for a transaction of ours. */
const aBuildWaits = () =>
  use((client) =>
    eventually(async () => {
      const { rowCount } = await client.query(
        `select from pg_stat_activity
          where datname = current_database() and query like 'create index concurrently%' and wait_event_type = 'Lock'`,
      );
      expect(rowCount).toBe(1);
    }),
  );

let full: Record<string, string>;
let partial: Record<string, string>;
beforeAll(async () => {
  full = await indexes();
  await change('partial');
  partial = await indexes();
  await change('full');
});
afterEach(() => change('full'));

it('the indexes of nullable columns become partial under their names, and all others stay', () => {
  const ours = { by_keyword_01: 'keyword01', by_keyword_02: 'keyword02', by_keyword_list_01: 'keywordlist01' };
  const expected = Object.entries(ours).map(([name, column]) => [name, `${full[name]} WHERE (${column} IS NOT NULL)`]);
  expect(partial).toEqual({ ...full, ...Object.fromEntries(expected) });
  expect(Object.keys(full)).toContain('by_temporal_namespace_division');
});

it('a revert leads back to the same definitions, and a second run in either direction has nothing to do', async () => {
  expect(await indexes()).toEqual(full);
  expect(await statementsTo('full')).toEqual([]);
  await change('partial');
  expect(await statementsTo('partial')).toEqual([]);
  expect(await indexes()).toEqual(partial);
});

describe.each<[Target, Target]>([
  ['partial', 'full'],
  ['full', 'partial'],
])('a run to %s that is interrupted', (target, other) => {
  const wanted = () => (target === 'partial' ? partial : full);

  it('after any of its statements is finished by the next run', async () => {
    await change(other);
    const { length } = await statementsTo(target);
    expect(length).toBeGreaterThan(8);
    for (let made = 1; made < length; made += 1) {
      await change(other);
      for (const statement of (await statementsTo(target)).slice(0, made))
        await use((client) => client.query(statement));
      await change(target);
      expect({ made, indexes: await indexes() }).toEqual({ made, indexes: wanted() });
    }
  });

  it('after any of its statements is taken back by a run in the other direction', async () => {
    const { length } = await statementsTo('partial');
    for (let made = 1; made < length; made += 1) {
      await change(other);
      for (const statement of (await statementsTo(target)).slice(0, made))
        await use((client) => client.query(statement));
      await change(other);
      expect({ made, indexes: await indexes() }).toEqual({ made, indexes: target === 'partial' ? full : partial });
    }
  });
});

it('an index that was being built when the run was killed is found to be invalid, and built anew', async () => {
  await use(async (writer) => {
    // The build waits for this transaction.
    await writer.query('begin; lock table executions_visibility in row exclusive mode');
    await use(async (client) => {
      const building = change('partial').catch((error) => error);
      await eventually(async () => {
        const { rowCount } = await client.query(
          `select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and query like 'create index concurrently%' and wait_event_type = 'Lock'`,
        );
        expect(rowCount).toBe(1);
      });
      expect(await building).toBeInstanceOf(Error);
    });
    await writer.query('rollback');
  });
  expect(await indexes()).toMatchObject({ by_keyword_01_postdate: expect.stringMatching(/ INVALID$/) });
  await change('partial');
  expect(await indexes()).toEqual(partial);
});

it('of two runs at once one is refused', async () => {
  await use(async (writer) => {
    await writer.query('begin; lock table executions_visibility in row exclusive mode');
    const first = change('partial');
    await aBuildWaits();
    expect(await change('full')).toEqual({ refused: 'busy' });
    await writer.query('rollback');
    expect(await first).toMatchObject({ table: { version: '1.14' } });
  });
  expect(await indexes()).toEqual(partial);
});

it('a writer beside it waits for nothing', async () => {
  await use(async (writer) => {
    await writer.query('begin; lock table executions_visibility in row exclusive mode');
    const changing = change('partial');
    await use(async (other) => {
      await other.query(`set lock_timeout = '100ms'`);
      await aBuildWaits();
      // A build that waits keeps no writer from its work.
      await other.query(`insert into executions_visibility (namespace_id, run_id, start_time, workflow_id, status)
                         values ('n', '${nanoid()}', now(), 'w', 1)`);
      await other.query('select count(*) from executions_visibility');
    });
    await writer.query('rollback');
    await changing;
  });
  expect(await indexes()).toEqual(partial);
});

it('an index that somebody made partial in another way, or by the same words, is left as it is by both directions', async () => {
  await use((client) =>
    client.query(`create index by_odd on executions_visibility (namespace_id, keyword01) where keyword01 <> 'x';
      create index by_own on executions_visibility (namespace_id, keyword02) where keyword02 is not null`),
  );
  const { by_odd, by_own } = await indexes();
  await change('partial');
  expect(await indexes()).toMatchObject({ by_odd, by_own });
  await change('full');
  expect(await indexes()).toEqual({ ...full, by_odd, by_own });
  await use((client) => client.query('drop index by_odd; drop index by_own'));
});

it('names that need quotes are quoted', async () => {
  const name = `By "odd", name; --`;
  await use((client) =>
    client.query(`alter table executions_visibility add column "Odd; ""col" text;
      create index ${client.escapeIdentifier(name)} on executions_visibility (namespace_id, "Odd; ""col")`),
  );
  const before = await indexes();
  await change('partial');
  expect(await indexes()).toMatchObject({ [name]: `${before[name]} WHERE ("Odd; ""col" IS NOT NULL)` });
  await change('full');
  expect(await indexes()).toEqual(before);
  await use((client) => client.query('alter table executions_visibility drop column "Odd; ""col"'));
});

it('a database without the table, and one whose table is only of that name, are refused', async () => {
  const server = process.env.POSTDATE_TEST_DATABASE_URL as string;
  expect(await withClient(server, (client) => changeIndexes(client, 'partial'))).toEqual({ refused: 'notVisibility' });
  await use(async (client) => {
    await client.query(`create schema other; create table other.executions_visibility (run_id text, a text);
      create index on other.executions_visibility (a); set search_path = other`);
    expect(await changeIndexes(client, 'partial')).toEqual({ refused: 'notVisibility' });
    await client.query('drop schema other cascade');
  });
});

it('a role that does not own the table is refused before anything is changed', async () => {
  const role = `reader_${nanoid(8).toLowerCase().replaceAll('-', '_')}`;
  await use(async (client) => {
    await client.query(`create role ${role}; set role ${role}`);
    expect(await changeIndexes(client, 'partial')).toEqual({ refused: 'notOwner' });
    await client.query(`reset role; drop role ${role}`);
  });
  expect(await indexes()).toEqual(full);
});
