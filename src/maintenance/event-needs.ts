import type { Queryable } from '../platform/database/pool';

/** What may still need an event. `on`: whether a row of `from` needs the row `event` of the outbox. */
interface Need {
  why: string;
  from: string;
  on: string;
}

/** What may come back to an old event: a replay sets a position back, or queues deliveries anew. */
export const MAY_COME_BACK: Need[] = [
  { why: 'it is not in the stream', from: '(values (1)) as one', on: 'event.position is null' },
  {
    why: 'a consumer has still to read it',
    from: 'postdate.consumer as reader',
    on: 'reader.position < event.position',
  },
  {
    why: 'a webhook has still to be sent it',
    from: `postdate.webhook_delivery as delivery
             join postdate.webhook on webhook.id = delivery.webhook_id and webhook.disabled_at is null`,
    on: 'delivery.position = event.position and delivery.next_try_at is not null',
  },
  {
    why: 'it is set aside',
    from: 'postdate.set_aside as aside join postdate.consumer as owner on owner.name = aside.consumer',
    on: 'aside.position = event.position and aside.ended_at is null',
  },
];

// The answer may be "again", which takes the payload from the event. By the event's id, as the answer looks for it; topic, tenant
// and key are for the index of answers.
const ANSWER: Need = {
  why: 'its message waits for an answer',
  from: 'postdate.answer as open',
  on: `open.answer is null and open.topic = event.aggregatetype
       and open.tenant = split_part(event.aggregateid, '/', 1) and open.key = split_part(event.aggregateid, '/', 2)
       and event.id = concat_ws(':', open.topic, open.tenant, open.key, open.cycle, open.topic || '.due')`,
};

const NEEDS = [...MAY_COME_BACK, ANSWER];

/** SQL: whether nothing needs the row `event` of the outbox any more. */
export const UNNEEDED = NEEDS.map(({ from, on }) => `not exists (select 1 from ${from} where ${on})`).join('\n and ');

/** Why a table's events must stay: one is needed, or has come into the stream since `before`. Each question has an index. */
export async function whyKept(db: Queryable, table: string, before: string): Promise<string[]> {
  const young = `select exists (select from ${table} where relayed_at >= $1) as young`;
  const { rows } = await db.query<{ young: boolean }>(young, [before]);
  return [...(rows[0]?.young ? ['it is too young'] : []), ...(await whyNeeded(db, table))];
}

/** Why a table's events are needed. */
export async function whyNeeded(db: Queryable, table: string, needs = NEEDS): Promise<string[]> {
  const asked = needs.map(({ from, on }) => `exists (select from ${from} join ${table} as event on ${on})`);
  const { rows } = await db.query<{ needed: boolean[] }>(`select array[${asked.join(', ')}] as needed`);
  return needs.flatMap(({ why }, place) => (rows[0]?.needed[place] ? [why] : []));
}
