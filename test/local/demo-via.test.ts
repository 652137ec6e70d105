import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nanoid } from 'nanoid';
import { paymentRequestExpiry } from '../../app/payment-requests/expiry';
import { paymentsSchema } from '../../app/payment-requests/schema';
import { type DemoProducer, readDemoArguments, startProducer, VIAS, type Via } from '../../local/demo-via';
import { registerTopics } from '../../src/producing/dispatch/register-topics';
import { useDatabase } from '../support/database';
import { useTemporal } from '../support/temporal';

const temporal = useTemporal();
const database = useDatabase(paymentsSchema);
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'postdate-demo-via-'));
  await registerTopics(database.pool, [paymentRequestExpiry]);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Gives a service A that goes this way, and what was said of it. */
async function withProducer<Result>(via: Via, tenant: string, use: (producer: DemoProducer) => Promise<Result>) {
  const lines: string[] = [];
  const producer = await startProducer(via, {
    pool: database.pool,
    env: temporal.envFor(database),
    tenants: [tenant, tenant, 'another'],
    dataFolder: folder,
    log: (line) => void lines.push(line),
  });
  try {
    return { lines, result: await use(producer) };
  } finally {
    await producer.stop();
  }
}

/** What a day of four payment requests leaves behind, without what differs from one day to the next. */
async function dayVia(via: Via) {
  const tenant = `bank-${via}`;
  const expiresAt = Date.UTC(2030, 0, 1, 12, 0, 0, 7);
  const about = { tenant, payer: "Doe O'Neil", payee: 'Jöhn', amount: '1.5', currency: 'EUR' };
  await withProducer(via, tenant, async (producer) => {
    for (const id of ['kept', 'paid', 'cancelled', 'extended']) await producer.request({ ...about, id }, expiresAt);
    await producer.request({ ...about, id: 'kept', amount: '9' }, expiresAt);
    await producer.pay({ tenant, id: 'paid' });
    await producer.cancel({ tenant, id: 'cancelled' });
    await producer.extend({ tenant, id: 'extended' }, expiresAt + 1);
    // Somebody else came first: nothing changes, and nobody is told.
    await producer.pay({ tenant, id: 'cancelled' });
    await producer.extend({ tenant, id: 'paid' }, expiresAt + 1);
  });
  const read = async (text: string) => (await database.pool.query(text, [tenant])).rows;
  return {
    rows: await read(
      `select id, payer, payee, amount, currency, status, due_at, cycle, closed_at is null as open
         from payments.payment_request where tenant = $1 order by id`,
    ),
    events: await read(
      `select replace(id, $1, '') as id, aggregatetype, replace(aggregateid, $1, '') as aggregateid, type,
              replace((payload - 'time' #- '{data,closedAt}')::text, $1, '') as payload,
              payload->>'time' ~ '^20..-..-..T..:..:..[.]...Z$' as has_time,
              payload->'data'->>'closedAt' ~ '^20..-..-..T..:..:..[.]...Z$' as has_closed_at
         from postdate.outbox where payload->>'tenant' = $1 order by seq`,
    ),
    commands: await read('select key, what, body from postdate.command where tenant = $1 order by seq'),
  };
}

it('a day over HTTP, and in SQL, leaves the rows, events and commands that it leaves in TypeScript', async () => {
  const [client, http, sql] = [await dayVia('client'), await dayVia('http'), await dayVia('sql')];
  // The control: it is a day on which something happened.
  expect(client.rows.map(({ id, status, cycle, amount }) => [id, status, cycle, amount])).toEqual([
    ['cancelled', 'CANCELLED', 1, '1.50'],
    ['extended', 'PENDING', 2, '1.50'],
    ['kept', 'PENDING', 1, '1.50'],
    ['paid', 'PAID', 1, '1.50'],
  ]);
  expect(client.events).toHaveLength(7);
  expect(client.commands.map(({ what }) => what)).toEqual([
    ...Array(4).fill('schedule'),
    'cancel',
    'cancel',
    'schedule',
  ]);
  for (const { rows, events, commands } of [http, sql]) {
    expect(rows).toEqual(client.rows);
    expect(events).toEqual(client.events);
    expect(commands).toEqual(client.commands);
  }
});

it('over HTTP each tenant has a key of its own, which is of no use when the demo is over', async () => {
  const tenant = nanoid().replace(/^-+/, 'k');
  const keysInUse = async () => {
    const text = 'select tenant from postdate.api_key where revoked_at is null and tenant = $1';
    return (await database.pool.query(text, [tenant])).rows;
  };
  const { lines, result } = await withProducer('http', tenant, async (producer) => {
    const about = { tenant, id: 'one', payer: 'a', payee: 'b', amount: '0.00', currency: 'EUR' };
    await expect(producer.request(about, Date.now())).rejects.toThrow(/^POST : 400 invalid\w+: /);
    await expect(producer.pay({ tenant, id: 'nobody' })).rejects.toThrow(/404 notFound/);
    return keysInUse();
  });
  expect(result).toEqual([{ tenant }]);
  expect(await keysInUse()).toEqual([]);
  expect(lines).toEqual([expect.stringMatching(/^the HTTP API listens at http:\/\/127\.0\.0\.1:\d+ \(pid \d+\)$/)]);
});

it('the demo goes through the client when it is told no other way, and refuses one that there is not', () => {
  expect(readDemoArguments([])).toEqual({ via: 'client', canary: false, keep: false });
  expect(readDemoArguments(['--via', 'http', '--keep'])).toEqual({ via: 'http', canary: false, keep: true });
  expect(readDemoArguments(['--canary'])).toEqual({ via: 'client', canary: true, keep: false });
  expect(() => readDemoArguments(['--canary', '--via', 'sql'])).toThrow('--canary: goes through the client');
  expect(VIAS.map((via) => readDemoArguments(['--via', via]).via)).toEqual(['client', 'http', 'sql']);
  expect(() => readDemoArguments(['--via', 'pigeon'])).toThrow('--via pigeon: must be one of client, http, sql');
  expect(() => readDemoArguments(['--vai=http'])).toThrow(/Unknown option '--vai'/);
});
