import { z } from 'zod';
import { defineTopic } from '../../src/topics/define-topic';
import { done, type Topic } from '../../src/topics/topic';

const EXPIRE = `update app.request set status = 'EXPIRED'
                 where id = any($1) and status = 'PENDING' and due_at <= clock_timestamp()
                returning id`;
const MISS = 'insert into app.miss (request_id) select unnest($1::text[])';

/** The rows behind its messages, as an application names them. Those of other contenders are not among them. */
export const REQUEST_ROWS = `
  select run as tenant, id as key, 1 as cycle, due_at, '{}'::jsonb as payload, status = 'PENDING' as waits,
         case when status = 'EXPIRED' then 'request.expired' end as told
    from app.request where run like 'postdate-rows-%'`;

/** Postdate's way to the application's effect: the topic's key is the request's id, its tenant the run. */
export const requestExpiry = (
  options: Pick<Topic, 'name' | 'leadMs' | 'landingsPerSecond' | 'businessRows' | 'bySets' | 'startDelayFromMs'>,
) =>
  defineTopic({
    ...options,
    payload: z.strictObject({}),
    async handle(tx, { key }) {
      const { rowCount } = await tx.query(EXPIRE, [[key]]);
      if (rowCount === 1) await tx.emit('request.expired', {});
      else await tx.query(MISS, [[key]]);
      return done;
    },
    async landAll(tx, messages) {
      const { rows } = await tx.query<{ id: string }>(EXPIRE, [messages.map(({ key }) => key)]);
      const hit = new Set(rows.map(({ id }) => id));
      const told = messages.filter(({ key }) => hit.has(key));
      await tx.emit(told.map((message) => ({ message, type: 'request.expired', data: {} })));
      const missed = messages.filter(({ key }) => !hit.has(key)).map(({ key }) => key);
      if (missed.length > 0) await tx.query(MISS, [missed]);
      return messages.map(() => done);
    },
  });
