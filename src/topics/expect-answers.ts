import type { MessageRef } from '../message/contract';
import type { Queryable } from '../platform/database/pool';

/** Records, in the landing's transaction, that these messages of one topic must be answered within so many ms. */
export async function expectAnswers(
  tx: Queryable,
  messages: (MessageRef & { cycle: number })[],
  withinMs: number,
): Promise<void> {
  await tx.query({
    name: 'postdate.expect-answers',
    text: `insert into postdate.answer (topic, tenant, key, cycle, expected_by)
     select topic, tenant, key, cycle, clock_timestamp() + make_interval(secs => $5)
       from unnest($1::text[], $2::text[], $3::text[], $4::integer[]) as given (topic, tenant, key, cycle)
     on conflict do nothing`,
    values: [
      messages.map(({ topic }) => topic),
      messages.map(({ tenant }) => tenant),
      messages.map(({ key }) => key),
      messages.map(({ cycle }) => cycle),
      withinMs / 1000,
    ],
  });
}
