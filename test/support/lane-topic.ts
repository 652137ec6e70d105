import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'kysely';
import { z } from 'zod';
import type { SchemaMigrations } from '../../src/platform/database/migrate';
import { defineTopic } from '../../src/topics/define-topic';
import { type DueMessage, done, type GroupTransaction, type HandlerAnswer } from '../../src/topics/topic';

/** Where builds leave their mark; no key, so that a second effect would be seen. */
export const buildsSchema: SchemaMigrations = {
  schema: 'builds',
  migrations: {
    '0001-effect': {
      async up(db) {
        await sql`create table builds.effect (tenant text not null, key text not null, build text not null)`.execute(
          db,
        );
      },
    },
  },
};

/** What a build does with what it is given. */
export const CONDUCTS = ['lands', 'throws', 'hangs', 'answersWrongly', 'landsSlowly'] as const;
export type Conduct = (typeof CONDUCTS)[number];

const payload = z.object({ currency: z.string().optional() });

/** The topic that workers of different builds serve. Every build's handler first leaves its mark, then does as it is told. */
export const topicOfBuild = (build: string, conduct: Conduct = 'lands', leadMs = 600_000) => {
  async function landAll(tx: GroupTransaction, messages: DueMessage<z.output<typeof payload>>[]) {
    await tx.query(
      'insert into builds.effect (tenant, key, build) select tenant, key, $3 from unnest($1::text[], $2::text[]) as given (tenant, key)',
      [messages.map(({ tenant }) => tenant), messages.map(({ key }) => key), build],
    );
    await tx.emit(messages.map((message) => ({ message, type: 'test.landed', data: { build } })));
    if (conduct === 'landsSlowly') await pause(100);
    if (conduct === 'throws') throw new Error(`build ${build} is broken`);
    if (conduct === 'hangs') await pause(2 ** 31 - 1, undefined, { ref: false });
    // What a handler that was compiled with its types ignored may return.
    if (conduct === 'answersWrongly') return messages.map(() => ({ do: 'perhaps' }) as unknown as HandlerAnswer);
    return messages.map(() => done);
  }
  return defineTopic({
    name: 'test.builds',
    payload,
    leadMs,
    landAll,
    async handle({ query, emit }, message) {
      const [answer] = await landAll(
        { query, emit: async (events) => void (await emit(events[0]?.type ?? '', { build })) },
        [message],
      );
      return answer as HandlerAnswer;
    },
  });
};
