import { sql } from 'kysely';
import { z } from 'zod';
import type { Consumer } from '../../src/events/consumer';
import type { SchemaMigrations } from '../../src/platform/database/migrate';
import { runProcess } from '../../src/process/run-process';
import { defineTopic } from '../../src/topics/define-topic';
import { forwardTopic } from '../../src/topics/forward-topic';
import { type DueMessage, done, type LandingTransaction, PermanentFailure } from '../../src/topics/topic';
import { startWorker } from '../../src/worker';

const WAYS = ['succeed', 'throw', 'violate', 'cast', 'fail', 'throwTogether'] as const;
const payload = z.object({ way: z.enum(WAYS), secret: z.string() });
type Telling = DueMessage<z.output<typeof payload>>;

export const tellingSchema: SchemaMigrations = {
  schema: 'telling',
  migrations: {
    '0001-told': {
      up: async (db) => void (await sql`create table telling.told (secret text primary key)`.execute(db)),
    },
  },
};

const tried = new Set<string>();
/** True the first time that it is asked for this. */
const first = (what: string) => !tried.has(what) && Boolean(tried.add(what));

/** Tells the payload in every way an error can, the first time; a permanent failure for good. */
async function tell(tx: LandingTransaction, { key, payload: { way, secret } }: Telling): Promise<void> {
  if (way === 'fail') throw new PermanentFailure(`it would not have ${secret}`);
  if (!first(key)) return;
  if (way === 'throw')
    throw new Error(`no ${secret}`, { cause: Object.assign(new Error(secret), { details: secret }) });
  if (way === 'cast') await tx.query('select $1::integer', [secret]);
  if (way !== 'violate') return;
  await tx.query('insert into telling.told values ($1)', [secret]);
  await tx.query('insert into telling.told values ($1)', [secret]);
}

/** Wakes when it is due, and is handled one by one. */
export const tellingTopic = defineTopic({
  name: 'test.telling',
  payload,
  leadMs: 0,
  async handle(tx, message) {
    await tell(tx, message);
    await tx.emit('test.told', { secret: message.payload.secret });
    return done;
  },
});

/** Held for its whole lead, and handled as a set. */
export const togetherTopic = defineTopic({
  ...tellingTopic,
  name: 'test.together',
  leadMs: 600_000,
  async landAll(_tx, messages: Telling[]) {
    const one = messages.find(({ payload: { way } }) => way === 'throwTogether');
    if (one) throw new Error(`none of them: ${JSON.stringify(one.payload)}`);
    return messages.map(() => done);
  },
});

/** Has no handler, and nobody answers it. */
export const forwardedTopic = forwardTopic({ name: 'test.forwarded', leadMs: 0, answerWithinMs: 1 });

const listener: Consumer = {
  name: 'telling listener',
  from: 'start',
  async handle(_tx, { event }) {
    if (first(event.id)) throw new TypeError(`${event.data.secret} is no event`);
  },
};

// A worker whose handlers quote what they were given, for tests of what operators see of it.
if (require.main === module) {
  void runProcess((config, log, stopping) =>
    startWorker(
      config,
      { topics: [tellingTopic, togetherTopic, forwardedTopic], consumers: [listener], schemas: [tellingSchema] },
      log,
      stopping,
    ),
  );
}
