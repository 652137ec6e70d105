import type { Queryable } from '../../platform/database/pool';
import { versionOf } from '../../topics/payload-version';
import type { Topic } from '../../topics/topic';
import { leadMsOf } from '../../topics/topic-limits';

/**
 * Registers topics in the database, which then accepts commands to them. Every worker does so at its start. If two
 * workers differ, as during a release, the one that started last wins.
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
