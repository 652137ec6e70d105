import type { MessageRef } from '../../message/contract';
import type { Queryable } from '../../platform/database/pool';
import { type BackgroundLoop, runInBackground } from '../../platform/loops/background-loop';
import type { Metrics } from '../../platform/telemetry/metrics';
import type { Topic } from '../../topics/topic';

/** A forwarded message without an answer in time. Instants are RFC 3339. */
export interface UnansweredMessage extends MessageRef {
  cycle: number;
  expectedBy: string;
}

// An operator would not look at more one by one. Beyond it a count only becomes slower.
const COUNTED = 10_000;
const LOOK_MS = 15_000;

// statement_timestamp() is one instant for all rows, so an index can be searched with it. clock_timestamp() is not.
const OVERDUE = 'answer is null and expected_by < statement_timestamp()';

/** Forwarded messages without an answer in time, the longest overdue first. */
export async function findUnanswered(
  db: Queryable,
  { topic, tenant }: { topic: string; tenant?: string },
  limit: number,
): Promise<UnansweredMessage[]> {
  const { rows } = await db.query<MessageRef & { cycle: number; expected_by: Date }>(
    `select topic, tenant, key, cycle, expected_by from postdate.answer
      where topic = $1 and ($2::text is null or tenant = $2) and ${OVERDUE}
      order by expected_by
      limit $3`,
    [topic, tenant ?? null, limit],
  );
  return rows.map(({ expected_by, ...rest }) => ({ ...rest, expectedBy: expected_by.toISOString() }));
}

/** How many unanswered messages each of these topics has. A topic with more than 10,000 counts as 10,000. */
export async function countUnanswered(db: Queryable, topics: string[]): Promise<{ topic: string; messages: number }[]> {
  const { rows } = await db.query<{ topic: string; messages: number }>(
    `select topic, (select count(*)::integer
                      from (select from postdate.answer where answer.topic = given.topic and ${OVERDUE} limit $2) as overdue)
                   as messages
       from unnest($1::text[]) as given (topic)`,
    [topics, COUNTED],
  );
  return rows;
}

/** Reports the number of unanswered messages of each topic that has a deadline to the metric, until stopped. */
export function startUnansweredWatch(
  deps: { pool: Queryable; metrics: Pick<Metrics, 'unanswered'>; onError(error: unknown): void },
  topics: Topic[],
): BackgroundLoop {
  const { pool, metrics, onError } = deps;
  const names = topics.filter(({ forward }) => forward?.answerWithinMs !== undefined).map(({ name }) => name);
  const report = async () => {
    const counts = names.length > 0 ? await countUnanswered(pool, names) : [];
    for (const { topic, messages } of counts) metrics.unanswered(topic, messages);
    return 'idle' as const;
  };
  return runInBackground(report, { pauseMs: LOOK_MS, onError });
}
