import { nanoid } from 'nanoid';
import { schedule, scheduleIn } from '../../../src/client';
import { workflowIdOf } from '../../../src/message/contract';
import { useDatabase } from '../../support/database';
import { allDispatched } from '../../support/dispatching';
import { effectsSchema, effectTopic } from '../../support/effects';
import { useTemporal } from '../../support/temporal';

const database = useDatabase(effectsSchema);
const temporal = useTemporal();
const topic = effectTopic();
const post = (fields: object = {}) => ({
  ...{ topic, tenant: 'acme', key: nanoid(), dueAt: Date.now() + 3_600_000, payload: { note: 'n' } },
  ...fields,
});

async function startOf(key: string) {
  const { events } = await temporal.client.workflow
    .getHandle(workflowIdOf({ topic: topic.name, tenant: 'acme', key }))
    .fetchHistory();
  return events?.[0]?.workflowExecutionStartedEventAttributes;
}
async function resultOf(commandId: string): Promise<string | undefined> {
  const text = `select answer->>'result' as result from postdate.command where command_id = $1`;
  return (await database.pool.query(text, [commandId])).rows[0]?.result;
}

it('a message that was posted in SQL is started eagerly by the worker that dispatches it; one that a client posts is not', async () => {
  await temporal.withWorker(database, { topics: [topic], consumers: [], schemas: [effectsSchema] }, async () => {
    const [inSql, byClient] = [post(), post()];
    const commandId = await scheduleIn(database.pool, inSql);
    await schedule(temporal.client, byClient);
    await allDispatched(database.pool);
    expect(await resultOf(commandId)).toBe('scheduled');
    expect((await startOf(inSql.key))?.eagerExecutionAccepted).toBe(true);
    expect((await startOf(byClient.key))?.eagerExecutionAccepted).toBe(false);
    // What Temporal refuses reads the same on that connection.
    const again = await scheduleIn(database.pool, post({ key: byClient.key }));
    await allDispatched(database.pool);
    expect(await resultOf(again)).toBe('rejected');
  });
});
