import { DefaultFailureConverter, defaultPayloadConverter, ensureApplicationFailure } from '@temporalio/common';
import fc from 'fast-check';
import { z } from 'zod';
import type { ScheduledMessage } from '../../../src/message/contract';
import type { Decision } from '../../../src/message/decision';
import { defineTopic } from '../../../src/topics/define-topic';
import { done, type HandlerAnswer, PermanentFailure, type Topic } from '../../../src/topics/topic';
import { useDatabase } from '../../support/database';
import { effectMessage, effectsSchema, traces } from '../../support/effects';
import { type TestHold, useHolds } from '../../support/hold';
import { anyOdd, ODD } from '../../support/odd-values';

const database = useDatabase(effectsSchema);
const startHold = useHolds(database);
const RUNS = Math.ceil(Number(process.env.POSTDATE_FUZZ_RUNS ?? 600) / 30);
const once = { effects: 1, decisions: 1, events: 1 };
const nothing = { effects: 0, decisions: 0, events: 0 };

const PLACES = ['upcast', 'schema', 'handler', 'group'] as const;
const WAYS = ['throws', 'rejects', 'returns'] as const;
interface Oddity {
  place: (typeof PLACES)[number];
  way: (typeof WAYS)[number];
  make(): unknown;
}

// By the message's key, for as long as the consumer's code is broken.
const oddities = new Map<string, Oddity>();

/** Does what is odd at this place of the message's way; else returns what is right. */
function at<Right>(place: Oddity['place'], key: string, right: Right): Right {
  const oddity = oddities.get(key);
  if (oddity?.place !== place) return right;
  // Nobody waits for a promise of an upcast or a schema.
  const awaited = place === 'handler' || place === 'group';
  if (oddity.way === 'throws' || (oddity.way === 'rejects' && !awaited)) throw oddity.make();
  return (oddity.way === 'rejects' ? Promise.reject(oddity.make()) : oddity.make()) as Right;
}

// The schema and the upcast see the payload alone.
const payload = z.object({ note: z.string() }).transform((given) => at('schema', given.note, given));
const plain = defineTopic({
  name: 'test.odd',
  payload,
  payloadVersion: 2,
  upcasts: [(old) => at('upcast', (old as { note: string }).note, old)],
  handle(tx, { key, cycle }) {
    return tx
      .query('insert into effects.effect (key, cycle) values ($1, $2)', [key, cycle])
      .then(() => tx.emit('test.happened', { key }))
      .then(() => at<HandlerAnswer>('handler', key, done));
  },
});
const setBased: Topic = {
  ...plain,
  name: 'test.odd-groups',
  async landAll(tx, messages) {
    for (const message of messages) {
      await tx.query('insert into effects.effect (key, cycle) values ($1, $2)', [message.key, message.cycle]);
      await tx.emit([{ message, type: 'test.happened', data: { key: message.key } }]);
    }
    const answers = messages.map(async ({ key }) => at<HandlerAnswer>('group', key, at('handler', key, done)));
    return Promise.all(answers);
  },
};

let worker: TestHold;
beforeAll(async () => {
  worker = await startHold([plain, setBased]);
});

function messageFor(topic: Topic): ScheduledMessage {
  const message = effectMessage(-1_000, { topic: topic.name });
  return { ...message, payload: { note: message.key } };
}

type Tried = { decision: Decision } | { thrown: unknown };
const tryOf = (topic: Topic, message: ScheduledMessage): Promise<Tried> =>
  worker.deliver(topic, message).then(
    (decision) => ({ decision }),
    (thrown) => ({ thrown }),
  );

function expectRetried(thrown: unknown): void {
  const failure = new DefaultFailureConverter().errorToFailure(
    ensureApplicationFailure(thrown),
    defaultPayloadConverter,
  );
  expect(failure.applicationFailureInfo).toMatchObject({ nonRetryable: false });
  expect(failure.applicationFailureInfo?.nextRetryDelay ?? null).toBeNull();
}

/** What is thrown ends no message, but where a set-based handler fails and the plain one is fine. */
const mayDecide = ({ place, way }: Oddity) => way === 'returns' || place === 'group';

/** Odd messages, and a good one among them, fall due at one time; then the odd ones are repaired. */
async function tryTogether(topic: Topic, given: Oddity[]): Promise<void> {
  const good = messageFor(topic);
  const odd = given.map((oddity) => ({ oddity, message: messageFor(topic) }));
  for (const { oddity, message } of odd) oddities.set(message.key, oddity);
  const trying = odd.map(({ message }) => tryOf(topic, message));
  expect(await tryOf(topic, good)).toMatchObject({ decision: { outcome: 'delivered' } });
  expect(await traces(database.pool, good.key)).toEqual(once);
  const tried = await Promise.all(trying);
  oddities.clear();
  for (const [place, { oddity, message }] of odd.entries()) {
    const found = tried[place] as Tried;
    if ('thrown' in found) {
      expectRetried(found.thrown);
      expect(await traces(database.pool, message.key)).toEqual(nothing);
      expect(await tryOf(topic, message)).toMatchObject({ decision: { outcome: 'delivered' } });
      expect(await traces(database.pool, message.key)).toEqual(once);
    } else if (!mayDecide(oddity)) {
      throw new Error(`${oddity.place} ${oddity.way}: ${JSON.stringify(found.decision)}`);
    }
  }
}

const oddity = fc.record({ place: fc.constantFrom(...PLACES), way: fc.constantFrom(...WAYS), odd: anyOdd });

describe.each([
  ['one by one', plain],
  ['as a set', setBased],
])('a topic whose messages are handled %s', (_, topic) => {
  it.each(Object.keys(ODD))('is tried again when its handler throws: %s', async (name) => {
    await tryTogether(topic, [{ place: 'handler', way: 'throws', make: ODD[name] as () => unknown }]);
  });

  it('is tried again whatever its code throws or returns, and a message beside it lands at once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(oddity, { minLength: 1, maxLength: 6 }), (generated) =>
        tryTogether(
          topic,
          generated.map(({ odd, ...rest }) => ({ ...rest, make: odd.make })),
        ),
      ),
      { numRuns: RUNS },
    );
  });

  it('ends as failed by a PermanentFailure, also by one with an odd message', async () => {
    for (const reason of ['no such account', '\ud800\0', 'x'.repeat(5_000_000)]) {
      const message = messageFor(topic);
      oddities.set(message.key, { place: 'handler', way: 'throws', make: () => new PermanentFailure(reason) });
      expect(await tryOf(topic, message)).toMatchObject({ decision: { outcome: 'failed' } });
      expect(await traces(database.pool, message.key)).toEqual({ effects: 0, decisions: 1, events: 1 });
    }
    oddities.clear();
  });
});
