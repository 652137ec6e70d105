import { nanoid } from 'nanoid';
import { installation } from '../../app/installation';
import { inHere } from '../support/cli';
import { useDatabase } from '../support/database';
import { type Listener, startListener } from '../support/listener';
import { allEnded, emitTo, startTestWebhooks, type TestWebhooks } from '../support/webhooks';

const database = useDatabase();
let listener: Listener;
let worker: TestWebhooks;
const before = { ...process.env };
beforeAll(async () => {
  Object.assign(process.env, { DATABASE_URL: database.url, POSTDATE_WEBHOOKS_PRIVATE_ADDRESSES: 'allow' });
  listener = await startListener();
  worker = startTestWebhooks(database.pool);
});
afterAll(async () => {
  await worker.stop();
  await listener.stop();
  process.env = before;
});

const webhooks = (...args: string[]) => inHere(['webhooks', ...args], installation);
const json = async (...args: string[]) => JSON.parse((await webhooks(...args, '--json')).printed);
const emit = (...types: string[]) =>
  Promise.all(types.map((type) => emitTo(database.pool, [nanoid()], { type }))).then((ids) => ids.flat());

it('a webhook is added, listed, disabled, enabled, given a new secret, shown, replayed and removed', async () => {
  const added = await webhooks('add', '--url', listener.url, '--tenant', 'acme', '--type', 'test.one', 'test.two');
  expect(added).toMatchObject({ code: 0, errors: expect.stringMatching(/^webhook wh_[0-9a-f]{16}; the secret/) });
  const id = /wh_[0-9a-f]+/.exec(added.errors)?.[0] as string;
  const secret = added.printed.trim();
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);

  const [one, , three] = await emit('test.one', 'test.other', 'test.two');
  await allEnded(database.pool);
  expect(listener.sent.map(({ event }) => event.id).sort()).toEqual([one, three].sort());
  const listed = await webhooks('list');
  expect(listed.printed).toMatch(/^webhook +tenant +waiting +failed +state +url\n/);
  expect(listed.printed).toContain(`${id}  acme    0        0       enabled  ${listener.url}`);
  expect(listed.printed).not.toContain('whsec');
  expect(await json('list')).toMatchObject([{ id, tenant: 'acme', types: ['test.one', 'test.two'], waiting: 0 }]);

  expect(await webhooks('disable', id, '--reason', 'maintenance')).toMatchObject({ code: 0 });
  expect(await webhooks('disable', id)).toMatchObject({ code: 1, printed: `${id} was disabled before\n` });
  expect((await webhooks('list')).printed).toMatch(/disabled \S+Z: maintenance/);
  expect(await webhooks('replay', id, '--failed')).toMatchObject({
    code: 2,
    errors: expect.stringContaining(`postdate webhooks enable ${id}`),
  });
  const [missed] = await emit('test.one');
  await allEnded(database.pool);
  expect(await json('enable', id)).toEqual({ id, enabled: true, waiting: 1, skipped: 0 });
  await allEnded(database.pool);
  expect(listener.sent.at(-1)?.event.id).toBe(missed);

  const deliveries = await webhooks('deliveries', id, '--limit', '1');
  expect(deliveries.printed).toMatch(
    /^position +replay +state +tries +at +event +last answer\n.*delivered +1 .*204\n$/,
  );
  expect(await json('deliveries', id, '--state', 'failed')).toEqual([]);
  expect(await json('deliveries', id)).toHaveLength(3);

  expect(await json('replay', id, '--from', '0', '--dry-run')).toEqual({ id, queued: 3, waiting: 0, dryRun: true });
  expect(await webhooks('replay', id, '--event', missed as string)).toMatchObject({ code: 0 });
  await allEnded(database.pool);
  expect(listener.sent).toHaveLength(4);
  expect(await webhooks('replay', id, '--failed')).toMatchObject({ code: 1 });

  expect(await webhooks('allow-answers', id)).toEqual({
    code: 0,
    printed: `${id} may answer forwarded messages\n`,
    errors: '',
  });
  expect((await webhooks('list')).printed).toContain('enabled, may answer');
  expect(await json('ignore-answers', id)).toEqual({ id, answers: false });
  expect(await json('list')).toMatchObject([{ id, answers: false }]);
  const answering = await json('add', '--url', listener.url, '--tenant', 'acme', '--answers');
  expect((await json('list')).map(({ answers }: { answers: boolean }) => answers)).toEqual([false, true]);
  await webhooks('remove', answering.id);

  const rotated = await json('rotate', id, '--overlap-hours', '1');
  expect(rotated).toEqual({ id, secret: expect.stringMatching(/^whsec_/) });
  expect(rotated.secret).not.toBe(secret);
  expect(await webhooks('remove', id)).toEqual({ code: 0, printed: `${id} is removed\n`, errors: '' });
  expect(await webhooks('list')).toEqual({ code: 0, printed: 'no webhooks\n', errors: '' });
});

it('what cannot be done is one line that says what to do next, and exit code 2', async () => {
  const refused = async (...args: string[]) => {
    const { code, printed, errors } = await webhooks(...args);
    expect({ code, printed }).toEqual({ code: 2, printed: '' });
    return errors;
  };
  expect(await refused('add', '--url', 'shop.example', '--tenant', 'acme')).toMatch(/^error: url: .*\[invalidUrl\]\n$/);
  expect(await refused('add', '--url', 'https://shop.example', '--tenant', 'a b')).toMatch(/\[invalidTenant\]\n$/);
  expect(await refused('add', '--url', 'https://shop.example')).toMatch(/--tenant/);
  expect(await refused('remove', 'wh_none')).toBe(
    'error: there is no webhook wh_none; known are none: see postdate webhooks add --help\n',
  );
  expect(await refused('replay', 'wh_none')).toMatch(/--event, --from and --failed/);
  expect(await refused('rotate', 'wh_none', '--overlap-hours', 'all')).toMatch(/number from 0/);
});

it('a private address is refused where nobody has allowed them (the other edge)', async () => {
  process.env.POSTDATE_WEBHOOKS_PRIVATE_ADDRESSES = '';
  const { code, errors } = await webhooks('add', '--url', 'https://169.254.169.254/latest', '--tenant', '*');
  expect(code).toBe(2);
  expect(errors).toMatch(/^error: url: .*169\.254\.169\.254, which is linkLocal \[privateAddress\]\n$/);
});
