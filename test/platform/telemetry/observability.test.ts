import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { nanoid } from 'nanoid';
import { type RunningNats, startNats } from '../../../local/nats';
import { freePort } from '../../../local/ports';
import { type RunningTemporal, startTemporal } from '../../../local/temporal-server';
import { cancel, move, schedule } from '../../../src/client';
import { changeLane } from '../../../src/delivery/lanes/change-lane';
import { addWebhook } from '../../../src/events/webhooks/registration';
import { createApiKey } from '../../../src/http/keys';
import { ensureSearchAttributes } from '../../../src/platform/temporal/search-attributes';
import { useDatabase } from '../../support/database';
import { deliveryState, STARTED } from '../../support/delivery-state';
import { eventually } from '../../support/eventually';
import { type Exposed, readExposition } from '../../support/exposition';
import { type Listener, startListener } from '../../support/listener';
import { type LocalProcess, runLocal } from '../../support/local-process';
import { documentedMetrics, isOurs } from '../../support/metrics-page';
import { startOtlpReceiver } from '../../support/otlp-receiver';
import { forwardedTopic, tellingSchema, tellingTopic, togetherTopic } from '../../support/telling-worker';
import { reach } from '../../support/webhooks';

const database = useDatabase(tellingSchema);
// No escape changes it, and it is too long to occur by chance.
const SECRET = `secret4711${Date.now()}0815`;
// As a caller's own tracing sends it: its trace, its span, sampled.
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const CALLER = 'b7ad6b7169203331';
const TRACEPARENT = `00-${TRACE}-${CALLER}-01`;

const natsServer = process.env.POSTDATE_TEST_NATS_SERVER;
const word = natsServer ? '' : ' (without those of a broker: there is no nats-server)';

let folder: string;
let nats: RunningNats | undefined;
let webhookListener: Listener;
let server: RunningTemporal;
let connection: Connection;
let worker: LocalProcess;
let metrics: Map<string, Exposed>;
let lines: Record<string, unknown>[];
let receiver: Awaited<ReturnType<typeof startOtlpReceiver>>;
const keys = Object.fromEntries(
  [
    'succeed',
    'throw',
    'violate',
    'cast',
    'fail',
    'throwTogether',
    'moved',
    'cancelled',
    'refused',
    'traced',
    'forwarded',
  ].map((way) => [way, nanoid()]),
) as Record<string, string>;

const ref = (way: string) => ({ topic: tellingTopic, tenant: 'acme', key: keys[way] as string });
const payloadOf = (way: string) => ({ way, secret: SECRET }) as { way: 'succeed'; secret: string };

// One run, of which all tests look at what it has left: a worker whose handlers quote their payloads in their errors.
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'postdate-test-'));
  const [serverPort, workerPort, httpPort] = [await freePort(), await freePort(), await freePort()];
  receiver = await startOtlpReceiver();
  const executable = process.env.POSTDATE_TEST_TEMPORAL_CLI as string;
  server = await startTemporal({ executable, dbFile: join(folder, 'temporal.db'), metricsPort: serverPort });
  connection = await Connection.connect({ address: server.address });
  await ensureSearchAttributes(connection, 'default');
  const client = new Client({ connection });
  if (natsServer) nats = await startNats({ executable: natsServer, folder });
  webhookListener = await startListener();
  worker = runLocal('test/support/telling-worker.ts', {
    env: {
      ...process.env,
      DATABASE_URL: database.url,
      TEMPORAL_ADDRESS: server.address,
      TEMPORAL_NAMESPACE: 'default',
      POSTDATE_METRICS_ADDRESS: `127.0.0.1:${workerPort}`,
      POSTDATE_HTTP_ADDRESS: `127.0.0.1:${httpPort}`,
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      POSTDATE_WEBHOOKS_PRIVATE_ADDRESSES: 'allow',
      ...(nats && { POSTDATE_NATS_URL: `nats://127.0.0.1:${nats.port}` }),
      // Whatever could be said.
      POSTDATE_LOG_LEVEL: 'trace',
    },
  });
  await worker.prints(/worker is running/);
  await changeLane(
    database.pool,
    { topic: 'test.telling', lane: 'canary', what: 'set', author: 'ann', reason: 'its metrics begin' },
    { mode: 'stopped' },
  );
  await addWebhook(database.pool, { url: webhookListener.url, tenant: 'acme' }, reach);

  const startedAt = Date.now();
  await schedule(client, { ...ref('moved'), dueAt: startedAt + 3_600_000, payload: payloadOf('succeed') });
  const postedInMs = Date.now() - startedAt;
  // A worker holds it when its run ends: the delivery's answer comes too late, and Temporal refuses it.
  const cancelledDueAt = Date.now() + 5_000 + 40 * postedInMs;
  const late = { ...ref('cancelled'), topic: togetherTopic.name };
  await schedule(client, { ...late, topic: togetherTopic, dueAt: cancelledDueAt, payload: payloadOf('succeed') });
  await eventually(async () => expect(await deliveryState(client, late)).toBe(STARTED));
  await cancel(client, late);
  // Far enough for all that is asked for before it, as the first one showed.
  const dueAt = Date.now() + 2_000 + 20 * postedInMs;
  for (const way of ['succeed', 'throw', 'violate', 'cast', 'fail'])
    await schedule(client, { ...ref(way), dueAt, payload: payloadOf(way) });
  await schedule(client, { ...ref('throwTogether'), topic: togetherTopic, dueAt, payload: payloadOf('throwTogether') });
  await schedule(client, { ...ref('forwarded'), topic: forwardedTopic, dueAt, payload: { secret: SECRET } as never });
  await move(client, { ...ref('moved'), topic: tellingTopic.name }, { dueAt });
  await database.pool.query(`select postdate.schedule('test.telling', 'acme', $1, now(), $2)`, [
    keys.refused,
    { way: 'none', secret: SECRET },
  ]);
  const { key } = await createApiKey(database.pool, { tenant: 'acme', label: 'test' });
  const post = (body: object) =>
    fetch(`http://127.0.0.1:${httpPort}/v1/messages`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', traceparent: TRACEPARENT },
      body: JSON.stringify({ topic: 'test.telling', tenant: 'acme', ...body }),
    });
  expect((await post({ key: 'x', dueAt: 'soon', payload: { secret: SECRET } })).status).toBe(400);
  const traced = { key: keys.traced, dueAt: new Date(dueAt).toISOString(), payload: payloadOf('throw') };
  expect((await post(traced)).status).toBe(201);

  const counted = async (text: string) => (await database.pool.query(text)).rows[0].n;
  await eventually(async () => {
    expect(
      await counted(`select count(*)::int as n from postdate.delivery where outcome not in ('moved', 'cancelled')`),
    ).toBe(9);
    expect(await counted('select count(*)::int as n from postdate.command where dispatched_at is null')).toBe(0);
    // All events have been read, each at its second try.
    const behind = `select count(*)::int as n from postdate.consumer, postdate.stream_head as head
                     where consumer.position < head.position or head.position < 7`;
    expect(await counted(behind)).toBe(0);
  });
  const scrape = async (port: number) => readExposition(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text());
  // The server's counters come a second later, and a worker's readings after five.
  metrics = await eventually(async () => {
    const seen = new Map([...(await scrape(serverPort)), ...(await scrape(workerPort))]);
    for (const name of ['workflow_success', 'service_error_with_type', 'temporal_request_failure_total'])
      expect([...seen.keys()]).toContain(name);
    for (const name of [
      'temporal_workflow_failed_total',
      'postdate_consumer_lag_events',
      'postdate_unanswered_messages',
      'postdate_lane_landed_messages_total',
    ])
      expect([...seen.keys()]).toContain(name);
    return seen;
  });
  worker.signal('SIGTERM');
  expect(await worker.ended).toBe(0);
  lines = worker
    .printed()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
});
afterAll(async () => {
  worker?.signal('SIGKILL');
  await connection?.close();
  await receiver?.stop();
  await webhookListener?.stop();
  await nats?.stop();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('the metrics of a real worker and a real server', () => {
  const ofPage = () => documentedMetrics().filter(({ labels }) => nats || !labels.includes('publisher'));

  it(`are those of the page: of each its type and its labels${word}`, () => {
    const shown = ofPage().map(({ name, type, labels }) => ({ name, type, labels: [...labels].sort() }));
    const seen = shown.map(({ name }) => ({
      name,
      type: metrics.get(name)?.type,
      labels: [...(metrics.get(name)?.labels ?? [])].sort(),
    }));
    expect(seen).toEqual(shown);
  });

  it('have none of ours beside those of the page', () => {
    const ours = [...metrics.keys()].filter((name) => isOurs({ name })).sort();
    const shown = ofPage().filter(isOurs);
    expect(ours).toEqual(shown.map(({ name }) => name).sort());
  });
});

describe('the log of a worker whose handlers quote the payload in their errors', () => {
  const said = (msg: string) => lines.filter((line) => line.msg === msg);
  const about = (way: string, topic = tellingTopic.name) => ({ topic, tenant: 'acme', key: keys[way] });

  it('has no payload in it, at any level', async () => {
    expect(lines.length).toBeGreaterThan(50);
    expect(worker.printed()).not.toContain(SECRET);
    // The control: that is what was thrown.
    const { rows } = await database.pool.query(`select reason from postdate.delivery where outcome = 'failed'`);
    expect(rows).toEqual([{ reason: `it would not have ${SECRET}` }]);
  });

  it.each(['throw', 'violate', 'cast'])(
    'names the message that could not be landed (%s), and the error by its kind',
    (way) => {
      const [line, ...others] = said('not landed, and tried again').filter(({ key }) => key === keys[way]);
      expect(others).toEqual([]);
      expect(line).toMatchObject({ level: 40, part: 'landing', ...about(way), cycle: 1 });
      const err = {
        throw: { type: 'Error', cause: { type: 'Error' } },
        violate: { code: '23505', schema: 'telling', table: 'told', constraint: 'told_pkey' },
        cast: { code: '22P02' },
      }[way];
      expect(line?.err).toMatchObject({
        ...err,
        at: expect.arrayContaining([expect.stringContaining('telling-worker.ts')]),
      });
    },
  );

  it('names the message that failed, and the group whose handler threw', () => {
    expect(said('failed, and not tried again')).toMatchObject([
      { level: 40, ...about('fail'), cycle: 1, outcome: 'failed' },
    ]);
    const ofGroup = { part: 'landing', topic: togetherTopic.name, err: { type: 'Error' } };
    expect(said('will be tried again')).toContainEqual(expect.objectContaining({ ...ofGroup, err: expect.anything() }));
  });

  it('names the message of the event that a listener could not handle', () => {
    const ofListener = said('will be tried again').filter(({ part }) => part === 'consumer telling listener');
    expect(ofListener).toContainEqual(
      expect.objectContaining({ ...about('succeed'), cycle: 1, position: expect.any(Number) }),
    );
  });

  it('names the command that was refused, and what each message came to', () => {
    expect(said('a command was refused')).toMatchObject([{ ...about('refused'), code: 'invalidPayload', level: 50 }]);
    expect(said('landed')).toContainEqual(
      expect.objectContaining({ ...about('moved'), cycle: 2, outcome: 'delivered' }),
    );
  });

  it("has the SDK's lines in the same form, with the message by its workflow's id", () => {
    const ofSdk = lines.filter(({ sdkComponent }) => sdkComponent !== undefined);
    expect(ofSdk).toContainEqual(expect.objectContaining({ msg: 'Activity completed', ...about('fail'), cycle: 1 }));
    expect(ofSdk).toContainEqual(expect.objectContaining({ msg: 'Workflow failed', ...about('fail') }));
  });
});

describe('the trace of a message, where OpenTelemetry is told where to send it', () => {
  const ofTrace = () => receiver.spans().filter(({ traceId }) => traceId === TRACE);
  const named = (name: string) => ofTrace().filter((span) => span.name === `${name} test.telling`);
  const about = { 'postdate.topic': 'test.telling', 'postdate.tenant': 'acme' };

  it("goes from the caller's span over the posting to its deliveries and its landing", () => {
    const [posting, ...others] = named('schedule');
    expect(others).toEqual([]);
    expect(posting).toMatchObject({ parentSpanId: CALLER, attributes: { ...about, 'postdate.key': keys.traced } });
    const ofPosting = { parentSpanId: posting?.spanId, attributes: { ...about, 'postdate.cycle': 1 } };
    // The first failed, as its handler did.
    expect(named('deliver')).toMatchObject([{ ...ofPosting, status: { code: 2 } }, ofPosting]);
    expect(named('land')).toMatchObject([{ ...ofPosting, attributes: { 'postdate.outcome': 'delivered' } }]);
    expect(ofTrace()).toHaveLength(4);
  });

  it('has no payload in it, nor what a handler threw', () => {
    expect(receiver.received()).toContain(TRACE);
    expect(receiver.received()).not.toContain(SECRET);
  });

  it('is begun by nobody who does not trace: what this process posted carries none (the control)', async () => {
    const delivered = receiver.spans().filter(({ attributes }) => attributes['postdate.key'] === keys.succeed);
    expect(delivered.map(({ name, parentSpanId }) => ({ name, parentSpanId }))).toEqual([
      { name: 'deliver test.telling', parentSpanId: undefined },
    ]);
  });
});
