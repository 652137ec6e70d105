import { z } from 'zod';
import { inHere } from '../support/cli';
import { effectTopic } from '../support/effects';
import { runLocal, useFolder } from '../support/local-process';

useFolder();
// Where nothing answers: whatever is not refused before it is sent fails with another line.
const env = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none', TEMPORAL_ADDRESS: '127.0.0.1:1' };
const withRows = { ...effectTopic(), name: 'test.rows', businessRows: 'select 1' };
const parts = { topics: [effectTopic(), withRows], consumers: [], schemas: [] };

const before = { ...process.env };
beforeAll(() => {
  Object.assign(process.env, env);
});
afterAll(() => {
  process.env = before;
  process.exitCode = undefined;
});

const run = (args: string[]) => inHere(args, parts);

const GOOD = {
  '--topic': 'test.effect',
  '--tenant': 'acme',
  '--key': 'k',
  '--due': '+1h',
  '--payload': '{"note":"n"}',
};
const argsOf = (options: Record<string, string | undefined>) =>
  Object.entries(options).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
const scheduling = (options: Record<string, string | undefined>) => ['schedule', ...argsOf({ ...GOOD, ...options })];
const ref = (options: Record<string, string>) =>
  argsOf({ '--topic': 'test.effect', '--tenant': 'acme', '--key': 'k', ...options });

it('good input gets as far as the connection (the control)', async () => {
  expect(await run(scheduling({}))).toEqual({
    code: 2,
    printed: '',
    errors: expect.stringMatching(/^error: Temporal at 127\.0\.0\.1:1 cannot be reached .*TEMPORAL_ADDRESS\n$/),
  });
});

describe('bad input is refused in one line with its code, before anything is connected to, with exit code 2', () => {
  it.each([
    ['unknownTopic', scheduling({ '--topic': 'nobody.knows' })],
    ['invalidTenant', scheduling({ '--tenant': 'a:b' })],
    ['invalidTenant', scheduling({ '--tenant': '' })],
    ['invalidKey', scheduling({ '--key': 'a b' })],
    ['idTooLong', scheduling({ '--key': 'k'.repeat(240) })],
    ['invalidCycle', scheduling({ '--cycle': '0' })],
    ['invalidCycle', scheduling({ '--cycle': 'one' })],
    ['invalidCycle', scheduling({ '--topic': 'test.rows' })],
    ['invalidDueAt', scheduling({ '--due': 'next friday' })],
    ['invalidDueAt', scheduling({ '--due': '2027-01-01T00:00:00' })],
    ['invalidDueAt', scheduling({ '--due': '+2 fortnights' })],
    ['dueAtTooFar', scheduling({ '--due': '+8000d' })],
    ['invalidPayload', scheduling({ '--payload': '{"note":7}' })],
    ['invalidPayload', scheduling({ '--payload': '{"note":' })],
    ['unsafeNumber', scheduling({ '--payload': '{"note":"n","n":9007199254740993}' })],
    ['invalidPayload', scheduling({ '--payload': '{"note":"n","note":"m"}' })],
    ['payloadTooLarge', scheduling({ '--payload': JSON.stringify({ note: 'n'.repeat(17_000) }) })],
    ['invalidStaleAfter', scheduling({ '--stale-after-ms': '-1' })],
    ['invalidRepeat', scheduling({ '--repeat-cron': '61 * * * *' })],
    ['invalidRepeat', scheduling({ '--repeat-every': 'P1D', '--zone': 'Mars/Olympus' })],
    ['invalidRepeat', scheduling({ '--zone': 'Europe/Amsterdam' })],
    ['invalidCommandId', scheduling({ '--command-id': 'a b' })],
    ['invalidTopic', ['cancel', ...ref({ '--topic': 'a b' })]],
    ['invalidCommandId', ['cancel', ...ref({ '--command-id': '' })]],
    ['invalidCycle', ['move', ...ref({ '--due': '+1h', '--expected-cycle': '0' })]],
    ['invalidDueAt', ['move', ...ref({ '--due': '12:00' })]],
    ['invalidKey', ['show', ...ref({ '--key': "a' or '" })]],
    ['invalidTenant', ['list', '--tenant', "a' or '"]],
    ['invalidDueAt', ['list', '--due-to', 'tomorrow']],
    ['invalidTenant', ['count', '--by', 'hour', '--tenant', 'a b']],
    ['invalidTopic', ['watch', '--topic', 'a b']],
    ['unknownTopic', ['redrive', '--topic', 'nobody.knows']],
    ['unknownTopic', ['refused', '--topic', 'nobody.knows']],
    ['unknownTopic', ['unanswered', '--topic', 'nobody.knows']],
    ['invalidTenant', ['answer', ...ref({ '--tenant': 'a:b', '--cycle': '1', '--do': 'done' })]],
    ['invalidCycle', ['answer', ...ref({ '--cycle': 'one', '--do': 'done' })]],
    ['invalidAnswer', ['answer', ...ref({ '--cycle': '1', '--do': 'skip' })]],
    ['invalidDueAt', ['answer', ...ref({ '--cycle': '1', '--do': 'again' })]],
    ['invalidDueAt', ['answer', ...ref({ '--cycle': '1', '--do': 'done', '--due': '+1h' })]],
    ['invalidDueAt', ['answer', ...ref({ '--cycle': '1', '--do': 'again', '--due': '+99999999999999d' })]],
    ['dueAtTooFar', ['answer', ...ref({ '--cycle': '1', '--do': 'again', '--due': '+8000d' })]],
    ['invalidReason', ['answer', ...ref({ '--cycle': '1', '--do': 'failed' })]],
    ['invalidReason', ['answer', ...ref({ '--cycle': '1', '--do': 'done', '--reason': 'r' })]],
  ])('%s: %j', async (code, args) => {
    expect(await run(args)).toEqual({
      code: 2,
      printed: '',
      errors: expect.stringMatching(new RegExp(`^error: [^\n]+ \\[${code}\\]\n$`)),
    });
  });

  it.each([
    [['schedule', '--due', '+1h'], /required option/],
    [scheduling({ '--on-conflict': 'overwrite' }), /reject, keep, move/],
    [scheduling({ '--payload-file': '/nonexistent' }), /one of --payload and --payload-file/],
    [scheduling({ '--payload': undefined, '--payload-file': '/nonexistent' }), /ENOENT/],
    [['list', '--state', 'asleep'], /waiting, ended, failed/],
    [['list', '--limit', '0'], /whole number from 1/],
    [['count', '--by', 'moon'], /hour, topic, tenant/],
    [['events', '--from', '-1'], /whole number from 0/],
    [['replay', '--consumer', 'c', '--from', 'x'], /whole number from 0/],
    [['audti'], /unknown command 'audti'/],
    [['audit', '--nothing'], /unknown option/],
    [['audit'], /database at 127\.0\.0\.1:1\/none cannot be reached .*: start it, or check DATABASE_URL/],
  ])('%j', async (args, pattern) => {
    const { code, printed, errors } = await run(args);
    expect({ code, printed, lines: errors.split('\n').length }).toEqual({ code: 2, printed: '', lines: 2 });
    expect(errors).toMatch(pattern);
  });
});

it('as a process of its own: one line, and where it comes from only with --debug', async () => {
  const run = async (...args: string[]) => {
    const cli = runLocal('app/cli.ts', { args, env });
    return { code: await cli.ended, lines: cli.errors().trim().split('\n') };
  };
  const args = ['schedule', ...argsOf({ ...GOOD, '--topic': 'payment-request.expiry', '--payload': '{"a":1}' })];
  const told = await run(...args);
  expect(told).toEqual({ code: 2, lines: [expect.stringContaining('[invalidPayload]')] });
  const debugged = await run('--debug', ...args);
  expect(debugged.lines[0]).toBe(told.lines[0]);
  expect(debugged.lines.join('\n')).toContain('src/producing/post.ts');
});

it('topics are shown with their limits, and their schemas for other programs', async () => {
  const { code, printed } = await run(['topics']);
  expect(code).toBe(0);
  expect(printed).toMatch(/^topic +lead +pace/);
  expect(printed).toMatch(/test\.effect +10000 ms +no limit +10000 ms +never +1 +no +no\n/);
  const topics = JSON.parse((await run(['topics', '--json'])).printed);
  expect(topics[0].payload).toMatchObject(z.toJSONSchema(z.object({ note: z.string() }), { io: 'input' }));
  expect(topics[1]).toMatchObject({ name: 'test.rows', businessRows: true });
});
