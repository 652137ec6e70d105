import { nanoid } from 'nanoid';
import { closedLoop } from '../../bench/harness/closed-loop';
import { describe as describeMessage, schedule } from '../../src/client';
import { workflowIdOf } from '../../src/message/contract';
import type { Installation } from '../../src/process/installation';
import { useDatabase } from '../support/database';
import { dueInTime } from '../support/due-in-time';
import { effectsSchema, effectTopic, traces } from '../support/effects';
import { eventually } from '../support/eventually';
import { useOwnTemporal } from '../support/temporal';

const temporal = useOwnTemporal();
const database = useDatabase(effectsSchema);
const topic = effectTopic();
const installation: Installation = { topics: [topic], consumers: [], schemas: [] };

const SIGNALS = 10_000;
// A run cannot end while signals come faster than a workflow task is done. The server takes ten thousand of them in one
// run, so with the tasks between them this is the most, well below the 51,200 events at which it would end the message.
const MOST_EVENTS = 20_000;

it('ten thousand signals to one message: each run stays short, and it fires once, not early', async () => {
  await temporal.withWorker(database, installation, async () => {
    const ref = { topic: topic.name, tenant: 'acme', key: nanoid() };
    /** Sends so many signals to a message, from twenty at a time. */
    const remind = (key: string, count: number) => {
      const one = temporal.client.workflow.getHandle(workflowIdOf({ ...ref, key }));
      return closedLoop({ count, concurrency: 20 }, (index) => one.signal('remind', { index }));
    };
    const other = nanoid();
    const payload = { note: 'n' };
    await schedule(temporal.client, { ...ref, key: other, topic, dueAt: Date.now() + 3_600_000, payload });
    // Forty signals would be over too soon to show anything.
    const dueAt = await dueInTime(SIGNALS / 10, (count) => remind(other, 10 * count));
    await schedule(temporal.client, { ...ref, topic, dueAt, payload });
    const handle = temporal.client.workflow.getHandle(workflowIdOf(ref));
    await remind(ref.key, SIGNALS);
    expect(await describeMessage(temporal.client, ref)).toMatchObject({ state: 'waiting' });

    await eventually(
      async () =>
        expect(await describeMessage(temporal.client, ref)).toMatchObject({ ending: { outcome: 'delivered' } }),
      180_000,
    );
    expect(await traces(database.pool, ref.key)).toEqual({ effects: 1, decisions: 1, events: 1 });
    const lengths: number[] = [];
    const query = `WorkflowId = '${handle.workflowId}'`;
    for await (const run of temporal.client.workflow.list({ query })) lengths.push(run.historyLength);
    expect(lengths.length).toBeGreaterThan(1);
    expect(Math.max(...lengths)).toBeLessThan(MOST_EVENTS);
  });
}, 400_000);
