import type { Pool } from 'pg';
import { lockNameOf } from '../../platform/database/lease';
import type { Topic } from '../../topics/topic';
import { type Check, type Found, fail, ok } from './finding';

export const LOCK_CHECKS = ['locks'];

/**
 * Checks that none of Postdate's advisory locks is held by a role that has no rights to its tables. PostgreSQL lets any login take
 * any advisory lock: a publisher, a sweep or a topic's landings would wait for such a login, and report no error.
 */
export const lockChecks = (pool: Pool, topics: Topic[], publishers: { name: string }[]): Check[] => [
  { name: 'locks', run: () => checkLocks(pool, namesOf(topics, publishers)) },
];

const namesOf = (topics: Topic[], publishers: { name: string }[]): string[] => [
  'postdate.migrate',
  ...['seal the ledger', 'retention'].map(lockNameOf),
  ...topics.flatMap(({ name }) => [lockNameOf(`sweep of rows: ${name}`), `postdate.lanes:${name}`]),
  ...publishers.map(({ name }) => lockNameOf(`publisher ${name}`)),
];

async function checkLocks(pool: Pool, names: string[]): Promise<Found> {
  const { rows } = await pool.query<{ name: string; pid: number; role: string }>(
    // Producers share a topic's lanes while they post, by a function that has the rights. A name of 64 bits is shown in two halves.
    `select given.name, held.pid, activity.usename as role
       from unnest($1::text[]) as given (name)
       join pg_locks as held
         on held.locktype = 'advisory' and held.granted and held.mode = 'ExclusiveLock' and held.objsubid = 1
        and held.database = (select oid from pg_database where datname = current_database())
        and (held.classid::bigint << 32) | held.objid::bigint = hashtextextended(given.name, 0)
       join pg_stat_activity as activity on activity.pid = held.pid
      where not has_table_privilege(activity.usesysid, 'postdate.turn', 'update')
      order by given.name, held.pid`,
    [names],
  );
  if (rows.length === 0) return ok('none is held by a role without rights to the tables');
  const says = rows.map(({ name, pid, role }) => `${name} is held by ${role} (pid ${pid})`).join('; ');
  const roles = [...new Set(rows.map(({ role }) => role))].join(', ');
  return fail(says, `end its session with select pg_terminate_backend(pid), and see to ${roles}`);
}
