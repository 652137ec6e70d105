import type { Queryable } from '../database';
import { versionOf } from '../payload-version';
import type { Topic } from '../topic';
import { leadMsOf } from '../topic-limits';

/**
 * Makes topics known to the database, so that it lets in commands to them. Workers do so when they start; where two differ,
 * as in a release, the one that started last is believed.
 */
export async function registerTopics(db: Queryable, topics: Topic[]): Promise<void> {
  await db.query(
    `insert into postdate.topic as topic (name, lead_ms, payload_version, has_rows, forwards)
     select * from unnest($1::text[], $2::float8[], $3::integer[], $4::boolean[], $5::boolean[]) order by 1
     on conflict (name) do update
        set lead_ms = excluded.lead_ms, payload_version = excluded.payload_version, has_rows = excluded.has_rows,
            forwards = excluded.forwards, registered_at = clock_timestamp()`,
    [
      topics.map(({ name }) => name),
      topics.map(leadMsOf),
      topics.map(versionOf),
      topics.map(({ businessRows }) => businessRows !== undefined),
      topics.map(({ forward }) => forward !== undefined),
    ],
  );
}
