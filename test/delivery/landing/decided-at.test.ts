import { setTimeout as pause } from 'node:timers/promises';
import { readDecision } from '../../../src/delivery/ledger/ledger';
import type { ScheduledMessage } from '../../../src/message/contract';
import { again, done, type HandlerAnswer, type LandingTransaction, skip, type Topic } from '../../../src/topics/topic';
import { useDatabase } from '../../support/database';
import { effectMessage, effectsSchema, effectTopic, groupTopic } from '../../support/effects';
import { useHolds } from '../../support/hold';

const database = useDatabase(effectsSchema);
const startHold = useHolds(database);

/** Epoch ms by the database's clock, with fractions. */
const now = async (tx: Pick<LandingTransaction, 'query'>): Promise<number> =>
  (await tx.query('select extract(epoch from clock_timestamp())::float8 * 1000 as ms')).rows[0].ms;

/** Notes when the handlers began and ended. */
function noted() {
  const instants: number[] = [];
  return {
    instants,
    async work(tx: Pick<LandingTransaction, 'query'>): Promise<void> {
      instants.push(await now(tx));
      await pause(60);
      instants.push(await now(tx));
    },
  };
}

const plain = (answer: HandlerAnswer) => (work: ReturnType<typeof noted>['work']) =>
  effectTopic(async (tx) => {
    await work(tx);
    return answer;
  });
const setBased = (work: ReturnType<typeof noted>['work']): Topic => {
  const topic = groupTopic();
  return {
    ...topic,
    async landAll(tx, messages) {
      await work(tx);
      return (await topic.landAll?.(tx, messages as never)) ?? [];
    },
  };
};

it.each([
  ['one after the other, done', plain(done)],
  ['one after the other, skipped', plain(skip('paid'))],
  ['one after the other, again', plain(again(Date.now() + 3_600_000))],
  ['as a set', setBased],
])(
  'messages that are handled %s were decided after their handlers had ended, in the ledger, for the workflow and in the metric',
  async (_, topicOf) => {
    const { instants, work } = noted();
    const topic = topicOf(work);
    const worker = await startHold([topic]);
    const dueAt = Date.now() + 300;
    const messages = Array.from({ length: 3 }, (): ScheduledMessage => effectMessage(0, { dueAt }));
    const decisions = await Promise.all(messages.map((message) => worker.deliver(topic, message)));
    const committed = await now(database.pool);

    const { rows } = await database.pool.query<{ decided: number; claimed: number; late: number }>(
      `select extract(epoch from decided_at)::float8 * 1000 as decided, extract(epoch from claimed_at)::float8 * 1000 as claimed,
              extract(epoch from decided_at - due_at)::float8 * 1000 as late
         from postdate.delivery where key = any($1)`,
      [messages.map(({ key }) => key)],
    );
    expect(rows).toHaveLength(3);
    for (const { decided, claimed } of rows) {
      expect(decided).toBeGreaterThanOrEqual(Math.max(...instants));
      expect(decided).toBeLessThanOrEqual(committed);
      expect(claimed).toBeLessThanOrEqual(Math.min(...instants));
    }
    for (const [place, message] of messages.entries()) {
      expect(decisions[place]).toEqual(await readDecision(database.pool, message));
    }
    const [, reported] = worker.reported.late[0] as [string, number];
    // Both are the landing's end: what the metric says later is the commit and its way.
    expect(Math.max(...rows.map(({ late }) => late))).toBeGreaterThanOrEqual(60);
    expect(reported).toBeGreaterThanOrEqual(60);
  },
);

it('a second landing answers with the instant at which the first one ended', async () => {
  const { work } = noted();
  const topic = plain(done)(work);
  const [first, second] = await Promise.all([startHold([topic]), startHold([topic])]);
  const message = effectMessage(-1);
  const [one, other] = await Promise.all([first.deliver(topic, message), second.deliver(topic, message)]);
  expect(other).toEqual(one);
});
