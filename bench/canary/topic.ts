import { appendFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Pool } from 'pg';
import { z } from 'zod';
import { defineTopic } from '../../src/topics/define-topic';
import { type DueMessage, done, type GroupTransaction, type HandlerAnswer } from '../../src/topics/topic';

/** What a build does with what it is given. */
export const CONDUCTS = ['lands', 'landsSlowly', 'throws', 'hangs', 'answersWrongly'] as const;
export type Conduct = (typeof CONDUCTS)[number];

export const TOPIC = 'bench.canary';
export const EVENT = 'bench.landed';

// Long enough to stop a lane between two of its groups.
const SLOW_SECONDS = 0.1;
const NEVER_MS = 2 ** 31 - 1;

/** Where builds leave their mark; no key, so that a second effect is seen, not prevented. */
export const createEffects = (pool: Pool) =>
  pool.query(`create schema if not exists app;
              create table app.effect (tenant text not null, key text not null, build text not null)`);

interface Build {
  build: string;
  leadMs: number;
  conduct?: Conduct;
  /**
   * A file to which the handler appends each message that it is given, as a line of tenant and key, even if its
   * transaction is rolled back.
   */
  metFile?: string;
}

const payload = z.strictObject({});

/** The topic as one build has it. Every build's handler first leaves its mark, then does as it is told. */
export function topicOf({ build, leadMs, conduct = 'lands', metFile }: Build) {
  async function landAll(tx: GroupTransaction, messages: DueMessage<z.output<typeof payload>>[]) {
    // At once: what is left for later is gone when the process is killed.
    if (metFile) appendFileSync(metFile, messages.map(({ tenant, key }) => `${tenant}\t${key}\n`).join(''));
    await tx.query(
      `insert into app.effect (tenant, key, build)
       select tenant, key, $3 from unnest($1::text[], $2::text[]) as given (tenant, key)`,
      [messages.map(({ tenant }) => tenant), messages.map(({ key }) => key), build],
    );
    await tx.emit(messages.map((message) => ({ message, type: EVENT, data: { build } })));
    if (conduct === 'landsSlowly') await tx.query('select pg_sleep($1)', [SLOW_SECONDS]);
    if (conduct === 'throws') throw new Error(`build ${build} is broken`);
    if (conduct === 'hangs') await pause(NEVER_MS, undefined, { ref: false });
    // What a handler that was compiled with its types ignored may return.
    if (conduct === 'answersWrongly') return messages.map(() => ({ do: 'perhaps' }) as unknown as HandlerAnswer);
    return messages.map(() => done);
  }
  return defineTopic({
    name: TOPIC,
    payload,
    leadMs,
    landAll,
    async handle({ query, emit }, message) {
      const emitAll: GroupTransaction['emit'] = async () => void (await emit(EVENT, { build }));
      const [answer] = await landAll({ query, emit: emitAll }, [message]);
      return answer as HandlerAnswer;
    },
  });
}
