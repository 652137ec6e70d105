import { migrate, postdateSchema } from '../../../src/platform/database/migrate';
import { createPool } from '../../../src/platform/database/pool';
import { useOwnedDatabase } from '../../support/owned-database';

const owned = useOwnedDatabase({});

it('webhooks of the release before that are sent forwarded messages go on answering, and no others', async () => {
  const pool = createPool(owned.as('owner'), { connections: 2, onError: () => undefined });
  try {
    const before = Object.entries(postdateSchema.migrations).filter(([name]) => name < '0028');
    await migrate(pool, { schema: 'postdate', migrations: Object.fromEntries(before) });
    const add = (id: string, types: string[] | null) =>
      pool.query(
        `insert into postdate.webhook (id, url, tenant, types, after_position) values ($1, 'https://shop.example', '*', $2, 0)`,
        [id, types],
      );
    await add('all', null);
    await add('due', ['x.paid', 'orders.reminder.due']);
    await add('other', ['x.paid', 'x.due.not']);
    await migrate(pool, postdateSchema);
    // As the release before adds one that runs on meanwhile.
    await add('later', null);
    const { rows } = await pool.query('select id from postdate.webhook where answers order by id');
    expect(rows.map(({ id }) => id)).toEqual(['all', 'due']);
  } finally {
    await pool.end();
  }
});
