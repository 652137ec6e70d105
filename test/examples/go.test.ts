import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { nanoid } from 'nanoid';
import { paymentsSchema } from '../../app/payment-requests/schema';
import { onPath } from '../../local/executables';
import { type RunningNats, startNats } from '../../local/nats';
import { run } from '../../local/processes';
import { natsPublisher } from '../../src/events/brokers/nats';
import type { PostdateEvent } from '../../src/events/outbox';
import { useDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { everyEvent } from '../support/every-event';
import { type LocalProcess, runProgram, useFolder } from '../support/local-process';

const go = onPath('go') ?? '';
const natsServer = process.env.POSTDATE_TEST_NATS_SERVER ?? '';
const FOLDER = join(__dirname, '..', '..', 'examples', 'consumers', 'go');
// Modules are fetched and compiled, on a machine that may have much else to do.
const BUILD_TIMEOUT_MS = 10 * 60_000;
const STREAM = 'POSTDATE';

(go && natsServer ? describe : describe.skip)('the listener in Go (where there are go and nats-server)', () => {
  const nats = {} as { server: RunningNats; connection: NatsConnection; manager: JetStreamManager };
  // Before the folder goes, in which it stores.
  afterAll(async () => {
    await nats.connection?.close();
    await nats.server?.stop();
  });
  const folder = useFolder();
  const database = useDatabase(paymentsSchema);
  let listener: LocalProcess;
  let effects = '';

  beforeAll(async () => {
    nats.server = await startNats({ executable: natsServer, folder: folder.path });
    nats.connection = await connect({ servers: nats.server.address });
    nats.manager = await jetstreamManager(nats.connection);
    const building = { cwd: FOLDER, timeoutMs: BUILD_TIMEOUT_MS };
    await run(go, ['vet', './...'], building);
    await run(go, ['build', '-buildvcs=false', '-o', join(folder.path, 'listen'), '.'], building);
  }, BUILD_TIMEOUT_MS);

  beforeEach(async () => {
    await nats.manager.streams.delete(STREAM).catch(() => undefined);
    await nats.manager.streams.add({ name: STREAM, subjects: ['postdate.>'] });
    effects = join(folder.path, `${nanoid()}.jsonl`);
  });
  afterEach(() => stop());

  const url = () => `nats://${nats.server.address}`;
  const start = async (env: NodeJS.ProcessEnv = {}) => {
    listener = runProgram(join(folder.path, 'listen'), [], { env: { NATS_URL: url(), EFFECTS: effects, ...env } });
    await listener.prints(/listening/);
  };
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    listener.signal(signal);
    return listener.ended;
  };

  /** As the publisher does: the event's id is the message's, too, and a repeat within the window is dropped. */
  const publish = ({ id, tenant, type, ...event }: PostdateEvent, msgID = id) =>
    jetstream(nats.connection).publish(
      `postdate.test:effect.${tenant}.${type}`,
      JSON.stringify({ id, tenant, type, ...event }),
      { msgID },
    );
  const numbered = (place: number): PostdateEvent => ({
    specversion: '1.0',
    id: `test.effect:acme:k-${place}:1:test.happened`,
    source: '/postdate/test.effect',
    type: 'test.happened',
    subject: `acme/k-${place}`,
    time: '2030-01-01T09:00:00.000Z',
    datacontenttype: 'application/json',
    tenant: 'acme',
    cycle: 1,
    data: { place },
  });
  const many = (count: number) => Array.from({ length: count }, (_, place) => numbered(place));

  const lines = () => (existsSync(effects) ? readFileSync(effects, 'utf8').split('\n').slice(0, -1) : []);
  const written = () => lines().map((line) => JSON.parse(line).id as string);
  const idsOf = (events: PostdateEvent[]) => events.map(({ id }) => id);
  const hasAll = (events: PostdateEvent[]) => eventually(async () => expect(written()).toEqual(idsOf(events)));
  /** All that the stream has was acknowledged: nothing more is on its way. */
  const settled = (durable = 'go-example') =>
    eventually(async () => {
      const { num_pending, num_ack_pending } = await nats.manager.consumers.info(STREAM, durable);
      expect({ num_pending, num_ack_pending }).toEqual({ num_pending: 0, num_ack_pending: 0 });
    });

  it('has the effect of every event that the real publisher has published, in their order', async () => {
    await nats.manager.streams.delete(STREAM);
    const events = await everyEvent(database.pool, { reason: 'no such account' });
    const publisher = natsPublisher({ servers: [nats.server.address], stream: STREAM, keepDays: 30 });
    try {
      // One by one: at once, what is of two messages may be stored in any order.
      for (const [place, event] of events.entries()) await publisher.publish([{ position: place + 1, event }]);
    } finally {
      await publisher.close();
    }
    await start();
    await hasAll(events);
    expect(JSON.parse(lines()[0] as string)).toEqual({
      id: events[0]?.id,
      type: events[0]?.type,
      subject: events[0]?.subject,
      data: events[0]?.data,
    });
    await settled();
    expect(await stop()).toBe(0);
  });

  it('killed in the midst of it, again and again, it has each effect once, and in order', async () => {
    const events = many(1_000);
    // One after the other as sent; that each is stored is awaited together.
    await Promise.all(events.map((event) => publish(event)));
    await start();
    for (const killedAfter of [20, 60, 120]) {
      await eventually(async () => expect(lines().length).toBeGreaterThanOrEqual(killedAfter));
      await stop('SIGKILL');
      // Else it would have been killed after it.
      expect(lines().length).toBeLessThan(events.length);
      await start();
    }
    await hasAll(events);
    await settled();
    expect(written()).toEqual(idsOf(events));
  });

  it('killed between effect and acknowledgement, it acknowledges the repeat and does nothing', async () => {
    const events = many(3);
    // What is in the file when it starts is what it had written when it was killed.
    appendFileSync(effects, `${JSON.stringify({ id: events[0]?.id, type: 'test.happened', subject: '', data: {} })}\n`);
    for (const event of events) await publish(event);
    await start();
    await hasAll(events);
    await settled();
    expect(lines()[0]).toContain('"subject":""');
  });

  it('killed in the midst of a line, it forgets that half, and has the effect when the event comes again', async () => {
    const [first, second] = many(2) as [PostdateEvent, PostdateEvent];
    await publish(first);
    await start();
    await hasAll([first]);
    await settled();
    await stop('SIGKILL');
    appendFileSync(effects, JSON.stringify(second).slice(0, 40));
    await publish(second);
    await start();
    await hasAll([first, second]);
  });

  it('an event that comes again long after has no second effect; one of another id has', async () => {
    const [first, second] = many(2) as [PostdateEvent, PostdateEvent];
    await publish(first);
    // Past the broker's window it would be stored again, as under another message id.
    await publish(first, nanoid());
    await publish(second);
    await start();
    await hasAll([first, second]);
    await settled();
    expect((await nats.manager.streams.info(STREAM)).state.messages).toBe(3);
    expect(written()).toEqual(idsOf([first, second]));
  });

  it('what is no event is said, and holds up what comes after it until it is gone', async () => {
    const { seq } = await jetstream(nats.connection).publish('postdate.x', 'no JSON');
    await publish(numbered(1));
    await start();
    await listener.prints(/not an event/);
    expect(written()).toEqual([]);
    await nats.manager.streams.deleteMessage(STREAM, seq);
    await hasAll([numbered(1)]);
  });

  it('listens to one tenant alone when it is told so, and by another name from the start', async () => {
    const [mine, other] = many(2) as [PostdateEvent, PostdateEvent];
    await publish({ ...other, tenant: 'globex' });
    await publish(mine);
    await start({ NATS_SUBJECT: 'postdate.*.acme.>', NATS_DURABLE: 'acme-alone' });
    await settled('acme-alone');
    expect(written()).toEqual([mine.id]);
  });

  it('ends with an error when the server or the stream is not there', async () => {
    for (const env of [{ NATS_URL: 'nats://127.0.0.1:1' }, { NATS_URL: url(), NATS_STREAM: 'OTHER' }]) {
      const lost = runProgram(join(folder.path, 'listen'), [], { env: { EFFECTS: effects, ...env } });
      expect(await lost.ended).toBe(1);
      expect(lost.errors()).toMatch(/no servers available|no consumer of the stream/);
    }
  });
});
