import { nanoid } from 'nanoid';
import { closedLoop } from '../bench/harness/closed-loop';
import { describe as describeMessage, schedule } from '../src/client';
import { workflowIdOf } from '../src/contract';
import type { Installation } from '../src/installation';
import { useDatabase } from './support/database';
import { effectsSchema, effectTopic, traces } from './support/effects';
import { eventually } from './support/eventually';
import { useOwnTemporal } from './support/temporal';

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
    const dueAt = Date.now() + 90_000;
    await schedule(temporal.client, { ...ref, topic, dueAt, payload: { note: 'n' } });
    const handle = temporal.client.workflow.getHandle(workflowIdOf(ref));
    await closedLoop({ count: SIGNALS, concurrency: 20 }, (index) => handle.signal('remind', { index }));
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
