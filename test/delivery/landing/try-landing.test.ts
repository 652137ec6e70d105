import { tryLanding } from '../../../src/delivery/landing/try-landing';
import { createWorkerLanes } from '../../../src/delivery/lanes/worker-lanes';
import { useDatabase } from '../../support/database';
import { effectMessage, effectsSchema, effectTopic } from '../../support/effects';

const database = useDatabase(effectsSchema);

it('the metric of a group counts a message once: not where it is not due yet, and not where it is decided already', async () => {
  const topic = effectTopic();
  const counted: number[] = [];
  const deps = {
    pool: database.pool,
    metrics: { landed: (_topic: string, messages: number) => counted.push(messages) },
    lanes: createWorkerLanes(database.pool, [topic]),
    signal: new AbortController().signal,
    onError(error: unknown) {
      throw error;
    },
  };
  const dueIn = (ms: number) => ({ message: effectMessage(ms), late: false });
  const [first, second, early] = [dueIn(-1_000), dueIn(-1_000), dueIn(60_000)];
  await tryLanding(deps, topic, [first, early], { oneByOne: false });
  await tryLanding(deps, topic, [first, second, early], { oneByOne: false });
  expect(counted).toEqual([1, 1]);
});
