import { DatabaseError } from 'pg';
import pino from 'pino';
import { markHandlerError, withErrorContext } from '../../../src/platform/telemetry/error-context';
import { createLog, sdkLogger } from '../../../src/platform/telemetry/log';
import { errorFields } from '../../../src/platform/telemetry/log-errors';

const SECRET = 'a-secret-word';

function captured(level = 'trace') {
  const lines: string[] = [];
  const log = createLog({ write: (line) => void lines.push(line) });
  log.level = level;
  return { log, lines, read: () => lines.map((line) => JSON.parse(line)) };
}

function databaseError(code: string, message: string): DatabaseError {
  const error = new DatabaseError(message, 0, 'error');
  return Object.assign(error, { code, detail: `Key (x)=(${SECRET})`, hint: SECRET, where: SECRET, table: 'told' });
}

const QUOTING: Record<string, unknown> = {
  'an error': new Error(`no ${SECRET}`),
  'a message of several lines': new Error(`no\n    at ${SECRET} (x.ts:1:2)\n${SECRET}`),
  'an error of another kind': new RangeError(SECRET),
  'a field of an error': Object.assign(new Error('no'), { payload: { SECRET }, request: SECRET }),
  'a cause': new Error('no', { cause: new Error(SECRET, { cause: SECRET }) }),
  'a violated constraint': databaseError('23505', 'duplicate key'),
  'a value that is no number': databaseError('22P02', `invalid input syntax for type integer: "${SECRET}"`),
  'an error that a trigger raises': databaseError('P0001', SECRET),
  'a handler that calls another system': markHandlerError(
    Object.assign(new Error(SECRET), { syscall: 'connect', code: 'E' }),
  ),
  'a handler that calls by gRPC': markHandlerError(Object.assign(new Error(SECRET), { details: SECRET, code: 3 })),
  'no error at all': { message: SECRET, payload: SECRET },
  'a text': SECRET,
  'a cause of its own': (() => {
    const error = new Error(SECRET);
    return Object.assign(error, { cause: error });
  })(),
};

it.each(Object.keys(QUOTING))('a line has nothing of what %s quotes', (how) => {
  const { log, lines } = captured();
  log.error({ err: QUOTING[how] }, 'will be tried again');
  expect(lines.join('')).toContain('will be tried again');
  expect(lines.join('')).not.toContain(SECRET);
});

it('a log as pino makes one has it all (the control)', () => {
  const lines: string[] = [];
  const log = pino({}, { write: (line) => void lines.push(line) });
  for (const err of Object.values(QUOTING)) log.error({ err }, 'will be tried again');
  expect(lines.filter((line) => line.includes(SECRET))).toHaveLength(Object.keys(QUOTING).length);
});

it('says the words of a connection, of the database about itself, and of ours', () => {
  const refused = Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:5432'), { syscall: 'connect', code: 'E' });
  const { message, ...of } = errorFields(databaseError('57P01', 'terminating connection'));
  expect(errorFields(refused)).toMatchObject({ message: refused.message, code: 'E' });
  expect({ message, table: of.table }).toEqual({ message: 'terminating connection', table: 'told' });
  expect(errorFields(new Error('Connection terminated unexpectedly')).message).toBe(
    'Connection terminated unexpectedly',
  );
});

it('leaves out what would carry a payload, should a line get it some day', () => {
  const { log, lines } = captured();
  log.warn({ payload: SECRET, message: { payload: { SECRET } }, kept: 1 }, 'x');
  expect(lines.join('')).not.toContain(SECRET);
  expect(lines.join('')).toContain('"kept":1');
});

describe("a line of Temporal's SDK", () => {
  it('names the message by the id of its workflow, and nothing of a task', () => {
    const { log, lines, read } = captured();
    const error = new Error(SECRET);
    const meta = {
      workflowId: 'postdate:t:acme:k-1',
      attempt: 2,
      error,
      task: SECRET,
      failure: { SECRET },
      details: SECRET,
    };
    sdkLogger(log).error(`Error while processing ActivityTask.start: ${SECRET}`, meta);
    expect(lines.join('')).not.toContain(SECRET);
    const err = expect.objectContaining({ type: 'Error' });
    expect(read()).toMatchObject([{ topic: 't', tenant: 'acme', key: 'k-1', attempt: 2, err }]);
    expect(read()[0].msg).toBe('Error while processing ActivityTask.start: …');
  });

  it('of which our own line has told is for debugging only', () => {
    const { log, lines } = captured('info');
    const error = withErrorContext(new Error('x'), { topic: 't' });
    sdkLogger(log).warn('Activity failed', { error });
    expect(lines).toEqual([]);
    sdkLogger(log).warn('Activity failed', { error: new Error('x') });
    expect(lines).toHaveLength(1);
  });
});
