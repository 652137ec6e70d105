import type { ScheduledMessage } from '../contract';
import type { Queryable } from '../database';
import { WORKER_DEAD_AFTER_MS } from '../hold/held';
import type { Topic } from '../topic';
import { leadMsOf } from '../topic-limits';

/** A topic whose business rows say which messages must be waiting. */
export type TopicWithRows = Topic & { waitingRows: string };

export const hasRows = (topic: Topic): topic is TopicWithRows => topic.waitingRows !== undefined;

interface WaitingRow {
  tenant: string;
  key: string;
  cycle: number;
  due_at: number;
  payload: unknown;
}

const COLUMNS = `waiting.tenant, waiting.key, waiting.cycle, waiting.payload,
                 ceil(extract(epoch from waiting.due_at) * 1000)::float8 as due_at`;
const UNDECIDED = `not exists (
                     select 1 from postdate.delivery
                      where delivery.topic = $1 and delivery.tenant = waiting.tenant and delivery.key = waiting.key
                        and delivery.cycle = waiting.cycle)`;

/**
 * Messages of rows that are overdue by more than a grace, the earliest first: nobody has decided their cycle, and no worker
 * that is well holds it. `except` leaves some out, by tenant and key.
 */
export async function overdue(
  db: Queryable,
  topic: TopicWithRows,
  { graceMs, limit, except }: { graceMs: number; limit: number; except: { tenant: string; key: string }[] },
): Promise<ScheduledMessage[]> {
  const { rows } = await db.query<WaitingRow>(
    `select ${COLUMNS} from (${topic.waitingRows}) as waiting
      where waiting.due_at < clock_timestamp() - make_interval(secs => $2) and ${UNDECIDED}
        and not exists (
          select 1 from postdate.held join postdate.worker on worker.id = held.worker
           where held.topic = $1 and held.tenant = waiting.tenant and held.key = waiting.key
             and held.cycle = waiting.cycle and worker.seen_at > clock_timestamp() - make_interval(secs => $3))
        and not exists (
          select 1 from unnest($4::text[], $5::text[]) as excepted (tenant, key)
           where excepted.tenant = waiting.tenant and excepted.key = waiting.key)
      order by waiting.due_at
      limit $6`,
    [
      topic.name,
      graceMs / 1000,
      WORKER_DEAD_AFTER_MS / 1000,
      except.map(({ tenant }) => tenant),
      except.map(({ key }) => key),
      limit,
    ],
  );
  return rows.map((row) => messageOfRow(topic, row));
}

function messageOfRow(topic: Topic, { tenant, key, cycle, due_at, payload }: WaitingRow): ScheduledMessage {
  const { payloadVersion } = topic;
  return {
    v: 1,
    topic: topic.name,
    tenant,
    key,
    cycle,
    dueAt: due_at,
    leadMs: leadMsOf(topic),
    payload,
    payloadVersion,
  };
}
