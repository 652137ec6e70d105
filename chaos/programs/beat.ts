import { sql } from 'kysely';
import { z } from 'zod';
import { installation } from '../../app/installation';
import type { SchemaMigrations } from '../../src/platform/database/migrate';
import type { Installation } from '../../src/process/installation';
import { defineTopic } from '../../src/topics/define-topic';
import { done, PermanentFailure } from '../../src/topics/topic';
import { oddTopic } from '../stranger/odd-topic';

/** How a beat behaves: it does its work, fails for good, or fails at each worker's first try. */
export const TEMPERS = ['sound', 'poison', 'flaky'] as const;

/** Each message beats so often, this far apart. */
export const BEATS = 4;
export const BEAT_EVERY_SECONDS = 3;

const tried = new Set<string>();

/**
 * A repeating message that only Temporal knows of: no business row stands behind it. Its lead is too short for a roll call,
 * so that a lost timer is the sweep's to find.
 */
export const beat = defineTopic({
  name: 'chaos.beat',
  payload: z.object({ temper: z.enum(TEMPERS) }),
  leadMs: 2_000,
  async handle(tx, { tenant, key, cycle, payload: { temper } }) {
    await tx.query('insert into chaos.beat (tenant, key, cycle) values ($1, $2, $3)', [tenant, key, cycle]);
    if (temper === 'poison') throw new PermanentFailure('poison');
    if (temper === 'flaky' && !tried.has(`${key}#${cycle}`)) {
      tried.add(`${key}#${cycle}`);
      throw new Error('flaky, as it is meant to be');
    }
    await tx.emit('chaos.beat', { beat: cycle });
    return done;
  },
});

const schema: SchemaMigrations = {
  schema: 'chaos',
  migrations: {
    '0001-beat': {
      // No key: a second effect is to be seen, not prevented.
      up: async (db) => {
        await sql`create table chaos.beat (tenant text not null, key text not null, cycle integer not null)`.execute(
          db,
        );
      },
    },
  },
};

/** What ships, the beat, and the stranger's topic beside it. */
export const chaosInstallation: Installation = {
  ...installation,
  topics: [...installation.topics, beat, oddTopic],
  schemas: [...installation.schemas, schema],
};
