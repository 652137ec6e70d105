import { cancel, schedule } from '../../../src/client';
import { createCommandsFirst } from '../../../src/delivery/hold/commands-first';
import { type Delivery, type ScheduledMessage, workflowIdOf } from '../../../src/message/contract';
import type { Installation } from '../../../src/process/installation';
import { createWaiting } from '../../../src/producing/waiting-runs';
import { useDatabase } from '../../support/database';
import { effectMessage, effectsSchema, groupTopic } from '../../support/effects';
import { eventually } from '../../support/eventually';
import { useTemporal } from '../../support/temporal';

const database = useDatabase(effectsSchema);
const temporal = useTemporal();
const topic = groupTopic({}, { leadMs: 0 });
const parts: Installation = { topics: [topic], consumers: [], schemas: [] };
// Time for a worker to leave, and for the cancels.
const AWAY_MS = 8_000;
const LATE_MS = 1_500;

const post = async (dueAt: number): Promise<ScheduledMessage> => {
  const message = effectMessage(0, { topic: topic.name, dueAt });
  const { tenant, key } = message;
  await schedule(temporal.client, { topic, tenant, key, dueAt: new Date(dueAt), payload: { note: 'n' } });
  return message;
};
const outcomeOf = async ({ key }: ScheduledMessage): Promise<string | undefined> => {
  const { rows } = await database.pool.query('select outcome from postdate.delivery where key = $1', [key]);
  return rows[0]?.outcome;
};
const until = (instant: number) => eventually(async () => expect(Date.now()).toBeGreaterThan(instant), 60_000);
const sleeps = (message: ScheduledMessage) =>
  eventually(async () => {
    const { events } = await temporal.client.workflow.getHandle(workflowIdOf(message)).fetchHistory();
    expect(events?.some((event) => event.timerStartedEventAttributes)).toBe(true);
  });

/** Messages that are due while no worker runs, some of them cancelled in time: some were asleep, and some no worker has seen. */
async function leaveAlone(awayMs: number): Promise<{ cancelled: ScheduledMessage[]; others: ScheduledMessage[] }> {
  let dueAt = 0;
  const asleep: ScheduledMessage[] = [];
  await temporal.withWorker(database, parts, async () => {
    dueAt = Date.now() + awayMs;
    for (let nth = 0; nth < 14; nth += 1) asleep.push(await post(dueAt));
    await Promise.all(asleep.map(sleeps));
  });
  const unseen: ScheduledMessage[] = [];
  for (let nth = 0; nth < 14; nth += 1) unseen.push(await post(dueAt));
  const cancelled = [...asleep.slice(4), ...unseen.slice(4)];
  const answers = await Promise.all(cancelled.map((message) => cancel(temporal.client, message, { deadlineMs: 1 })));
  // On a busy machine that may take longer.
  if (Date.now() > dueAt) return leaveAlone(2 * awayMs);
  expect(new Set(answers.map(({ result }) => result))).toEqual(new Set(['requested']));
  await until(dueAt + LATE_MS);
  return { cancelled, others: [...asleep.slice(0, 4), ...unseen.slice(0, 4)] };
}

it('what was cancelled in time while no worker ran never lands when a worker comes back late, and what was not lands', async () => {
  const { cancelled, others } = await leaveAlone(AWAY_MS);
  await temporal.withWorker(database, parts, () =>
    eventually(async () => {
      const outcomes = await Promise.all([...cancelled, ...others].map(outcomeOf));
      expect(outcomes).not.toContain(undefined);
    }),
  );
  expect(cancelled).toHaveLength(20);
  expect(new Set(await Promise.all(cancelled.map(outcomeOf)))).toEqual(new Set(['cancelled']));
  expect(new Set(await Promise.all(others.map(outcomeOf)))).toEqual(new Set(['delivered']));
});

describe('a late message', () => {
  const errors: unknown[] = [];
  const { untilDecided, landInOrder } = createCommandsFirst({
    pool: { query: ((...query: [string, unknown[]]) => database.pool.query(...query)) as never },
    // Not before `temporal` is there.
    waiting: { latestEvents: (run) => createWaiting(temporal.client).latestEvents(run) },
    clock: { now: Date.now },
    onError: (error) => void errors.push(error),
  });
  const never = new AbortController().signal;
  const runOf = (message: ScheduledMessage) => ({ workflowId: workflowIdOf(message) });
  const lateOf = (message: ScheduledMessage): Delivery => ({ message, late: false });
  const pending = async (wait: Promise<void>) =>
    (await Promise.race([wait.then(() => 'over'), new Promise((resolve) => setTimeout(resolve, 700))])) !== 'over';
  beforeEach(() => errors.splice(0));

  it('waits while its cancel is not decided; one without a command, one of no run, and one that is on its way do not', async () => {
    const dueAt = Date.now() + 500;
    const [cancelled, other] = [await post(dueAt), await post(dueAt)];
    const handle = temporal.client.workflow.getHandle(workflowIdOf(cancelled));
    await handle.signal('cancel', {});
    expect(Date.now()).toBeLessThan(dueAt + 500);
    // It is no matter of this test whether the signal came in time by a busy server.
    const inTime = { ...cancelled, dueAt: dueAt + 500 };
    await until(inTime.dueAt + LATE_MS);
    const wait = untilDecided(lateOf(inTime), runOf(cancelled), never);
    expect(await pending(wait)).toBe(true);
    await untilDecided(lateOf(other), runOf(other), never);
    await untilDecided(lateOf(effectMessage(-LATE_MS)), { workflowId: 'no such run' }, never);
    await untilDecided({ message: inTime, late: true }, runOf(cancelled), never);
    await untilDecided(lateOf({ ...inTime, dueAt: Date.now() }), runOf(cancelled), never);

    const landed: string[][] = [];
    const land = (ready: Delivery[]) => void landed.push(ready.map(({ message }) => message.key));
    await landInOrder([lateOf(inTime), lateOf(other)], land, never);
    expect(landed).toEqual([[other.key]]);
    await handle.terminate();
    await wait;
    await eventually(async () => expect(landed).toEqual([[other.key], [cancelled.key]]));
    expect(errors).toEqual([]);
  });

  it('does not wait for a Temporal that cannot be asked, which is asked once', async () => {
    let asked = 0;
    const away = createCommandsFirst({
      pool: database.pool,
      waiting: {
        async latestEvents() {
          asked += 1;
          throw Object.assign(new Error('14 UNAVAILABLE'), { code: 14, details: '', metadata: {} });
        },
      },
      clock: { now: Date.now },
      onError: (error) => void errors.push(error),
    });
    const landed: number[] = [];
    const decided = effectMessage(-LATE_MS);
    await database.pool.query(
      `insert into postdate.delivery (topic, tenant, key, cycle, outcome, due_at, late)
       values ($1, $2, $3, 1, 'delivered', now(), false)`,
      [decided.topic, decided.tenant, decided.key],
    );
    // What the ledger has decided is no question to Temporal.
    await away.untilDecided(lateOf(decided), runOf(decided), never);
    expect(asked).toBe(0);
    const many = Array.from({ length: 100 }, () => lateOf(effectMessage(-LATE_MS)));
    await away.landInOrder(many, (ready) => void landed.push(ready.length), never);
    expect(landed).toEqual([100]);
    // As many as are asked at a time.
    expect(asked).toBeLessThanOrEqual(20);
    expect(errors.length).toBe(asked);
  });
});
