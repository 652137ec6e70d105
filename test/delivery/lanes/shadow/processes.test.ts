import { changeLane } from '../../../../src/delivery/lanes/change-lane';
import { useDatabase } from '../../../support/database';
import { eventually } from '../../../support/eventually';
import { laneDueTime } from '../../../support/lane-due-time';
import { buildsSchema, type Conduct } from '../../../support/lane-topic';
import { landedOf, postOf, useLaneWorkers } from '../../../support/lane-workers';
import { useOwnTemporal } from '../../../support/temporal';

const database = useDatabase(buildsSchema);
const temporal = useOwnTemporal();
const startWorker = useLaneWorkers(temporal, database);
const topic = 'test.builds';
const TENANTS = ['acme', 'globex'];
const EACH = 8;
// Within which a busy machine wakes and reads all of them.
const LEAD_MS = 20_000;

const query = async (text: string, values: unknown[] = []) => (await database.pool.query(text, values)).rows;

it.each<[Conduct, string[]]>([
  ['lands', ['events']],
  ['throws', ['failed']],
  ['hangs', ['failed']],
  // An answer that is none is an error, as one that is thrown.
  ['answersWrongly', ['failed']],
])(
  'beside a shadow that %s stable lands everything once, and each message is compared',
  async (conduct, kinds) => {
    const lane = `v2-${conduct.toLowerCase()}`;
    const by = { topic, lane, author: 'the test', reason: 'a look at it' };
    await Promise.all([startWorker({ leadMs: LEAD_MS }), startWorker({ lane, conduct, leadMs: LEAD_MS })]);
    const postingMs = (await laneDueTime(temporal, database, TENANTS.length * EACH, LEAD_MS)) - Date.now();
    await changeLane(database.pool, { ...by, what: 'set' }, { mode: 'shadow' });
    // They sleep first, and so wake when stable knows of its shadow.
    const dueAt = Date.now() + LEAD_MS + postingMs;
    await postOf(temporal, TENANTS, { each: EACH, dueAt, leadMs: LEAD_MS });
    const landed = await landedOf(database.pool, dueAt, EACH * TENANTS.length);
    expect(landed).toEqual(
      TENANTS.map((tenant) => expect.objectContaining({ tenant, lane: 'stable', landed: EACH, notDelivered: 0 })),
    );
    const compared = await eventually(async () => {
      const rows = await query(
        'select build, kinds, not_compared from postdate.shadow_comparison where lane = $1 and tenant = any($2)',
        [lane, TENANTS],
      );
      expect(rows).toHaveLength(EACH * TENANTS.length);
      return rows;
    });
    const others = compared.filter(({ not_compared }) => not_compared !== null);
    // Of one that a busy machine has woken too late nothing could be read before.
    expect(others.filter(({ not_compared }) => not_compared !== 'readTooLate')).toEqual([]);
    expect(others.length).toBeLessThan(EACH);
    expect(compared.filter((row) => !others.includes(row) && row.build === lane).map((row) => row.kinds)).toEqual(
      Array.from({ length: compared.length - others.length }, () => kinds),
    );
    // What the shadow has done is nowhere.
    expect(await query('select distinct build from builds.effect')).toEqual([{ build: 'stable' }]);
    expect(
      await query(`select distinct payload->'data'->>'build' as build from postdate.outbox where type = 'test.landed'`),
    ).toEqual([{ build: 'stable' }]);
    await changeLane(database.pool, { ...by, what: 'stop' }, { mode: 'stopped' });
  },
  600_000,
);
