import { nanoid } from 'nanoid';
import { closedLoop } from '../../bench/harness/closed-loop';
import { describe as describeMessage, move, schedule } from '../../src/client';
import { workflowIdOf } from '../../src/message/contract';
import type { Installation } from '../../src/process/installation';
import { useDatabase } from '../support/database';
import { effectsSchema, effectTopic, traces } from '../support/effects';
import { eventually } from '../support/eventually';
import { useOwnTemporal } from '../support/temporal';

const temporal = useOwnTemporal();
const database = useDatabase(effectsSchema);
const topic = effectTopic();
const installation: Installation = { topics: [topic], consumers: [], schemas: [] };

const SIGNALS = 10_000;
// A busy machine takes minutes for the tasks of a run with ten thousand signals.
const PATIENCE_MS = 400_000;
// A run cannot end while signals come faster than a workflow task is done. The server takes ten thousand of them in one
// run, so with the tasks between them this is the most, well below the 51,200 events at which it would end the message.
const MOST_EVENTS = 20_000;

it('ten thousand signals to one message: each run stays short, and it fires once, not early', async () => {
  await temporal.withWorker(database, installation, async () => {
    const ref = { topic: topic.name, tenant: 'acme', key: nanoid() };
    const handle = temporal.client.workflow.getHandle(workflowIdOf(ref));
    const lengths = async (): Promise<number[]> => {
      const found: number[] = [];
      const query = `WorkflowId = '${handle.workflowId}'`;
      for await (const run of temporal.client.workflow.list({ query })) found.push(run.historyLength);
      return found;
    };
    await schedule(temporal.client, { ...ref, topic, dueAt: Date.now() + 3_600_000, payload: { note: 'n' } });
    await closedLoop({ count: SIGNALS, concurrency: 20 }, (index) => handle.signal('remind', { index }));
    await eventually(async () => expect((await lengths()).length).toBeGreaterThan(1), PATIENCE_MS);
    expect(await describeMessage(temporal.client, ref)).toMatchObject({ state: 'waiting' });
    expect(await traces(database.pool, ref.key)).toEqual({ effects: 0, decisions: 0, events: 0 });

    await move(temporal.client, ref, { dueAt: Date.now() });
    await eventually(
      async () =>
        expect(await describeMessage(temporal.client, ref)).toMatchObject({ ending: { outcome: 'delivered' } }),
      PATIENCE_MS,
    );
    // The move has burnt the first cycle.
    expect(await traces(database.pool, ref.key)).toEqual({ effects: 1, decisions: 2, events: 1 });
    expect(Math.max(...(await lengths()))).toBeLessThan(MOST_EVENTS);
  });
}, 1_000_000);
