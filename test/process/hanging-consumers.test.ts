import { nanoid } from 'nanoid';
import { schedule } from '../../src/client';
import { defineConsumer } from '../../src/events/consumer';
import { appendEvent } from '../../src/events/outbox';
import { inTransaction } from '../../src/platform/database/pool';
import { useDatabase } from '../support/database';
import { effectsSchema, plainTopic, traces } from '../support/effects';
import { eventually } from '../support/eventually';
import { useTemporal } from '../support/temporal';

const database = useDatabase(effectsSchema);
const temporal = useTemporal();
const CONNECTIONS = 6;
// Before PostgreSQL ends what hangs.
const soon = (check: () => Promise<void>) => eventually(check, 18_000);

it('neighbour: while as many consumers hang as the worker has connections, messages land, and another consumer hears of it', async () => {
  process.env.POSTDATE_DATABASE_CONNECTIONS = String(CONNECTIONS);
  let hanging = 0;
  let letGo = () => {};
  const over = new Promise<void>((resolve) => (letGo = resolve));
  const heard: string[] = [];
  const consumers = Array.from({ length: CONNECTIONS }, (_, number) =>
    defineConsumer({
      name: `hangs-${number}`,
      from: 'end',
      async handle() {
        hanging += 1;
        await over;
      },
    }),
  );
  consumers.push(
    defineConsumer({ name: 'hears', from: 'end', handle: async (_, { event }) => void heard.push(event.subject) }),
  );
  await temporal.withWorker(database, { topics: [plainTopic], consumers, schemas: [] }, async () => {
    const tell = (key: string) =>
      inTransaction(database.pool, (tx) =>
        appendEvent(tx, { topic: plainTopic.name, tenant: 'acme', key, cycle: 1 }, 'test.told', {}),
      );
    try {
      // Each consumer begins at the end of the stream.
      await soon(async () => {
        await tell(nanoid());
        expect(hanging).toBe(CONNECTIONS);
      });
      const key = nanoid();
      const payload = { note: 'n' } as never;
      await schedule(temporal.client, { topic: plainTopic, tenant: 'acme', key, dueAt: Date.now(), payload });
      await soon(async () => expect((await traces(database.pool, key)).decisions).toBe(1));
      await soon(async () => expect(heard).toContain(`acme/${key}`));
      // None was cut off meanwhile by PostgreSQL, which would have given its connection to others.
      expect(hanging).toBe(CONNECTIONS);
    } finally {
      // Else the worker could not be stopped.
      letGo();
    }
  });
});
