import { DefaultFailureConverter, defaultPayloadConverter, ensureApplicationFailure } from '@temporalio/common';
import fc from 'fast-check';
import { DatabaseError } from 'pg';
import {
  errorContextOf,
  isHandlerError,
  markHandlerError,
  withErrorContext,
} from '../../../src/platform/telemetry/error-context';
import { createLog } from '../../../src/platform/telemetry/log';
import { errorFields } from '../../../src/platform/telemetry/log-errors';
import { isInstance, readThrown } from '../../../src/platform/telemetry/thrown';
import { anyOdd, cyclicError, ODD } from '../../support/odd-values';

const RUNS = Number(process.env.POSTDATE_FUZZ_RUNS ?? 600);
const MOST_BYTES = 100_000;
/** As the SDK's worker does to whatever an activity throws. */
const asSdk = (error: unknown) =>
  new DefaultFailureConverter().errorToFailure(ensureApplicationFailure(error), defaultPayloadConverter);

function lineOf(err: unknown): string {
  const lines: string[] = [];
  createLog({ write: (line) => void lines.push(line) }).error({ err }, 'said');
  return lines.join('');
}

/** Temporal's SDK, the log and PostgreSQL can each take it. */
function expectPlain(error: Error): void {
  expect(error).toBeInstanceOf(Error);
  const failure = asSdk(error);
  expect(failure.applicationFailureInfo).toMatchObject({ nonRetryable: false });
  expect(failure.applicationFailureInfo?.nextRetryDelay ?? null).toBeNull();
  const text = JSON.stringify(failure);
  expect(text.length).toBeLessThan(MOST_BYTES);
  // JSON writes NUL and halves of pairs as escapes.
  expect(text).not.toMatch(/\\u(0000|d[89a-f])/i);
  const line = lineOf(error);
  expect(JSON.parse(line)).toMatchObject({ msg: 'said', err: { type: expect.any(String) } });
  expect(line.length).toBeLessThan(MOST_BYTES);
}

it.each(Object.keys(ODD))('is a plain error: %s', (name) => {
  expectPlain(readThrown(ODD[name]?.()));
});

it('is a plain error, whatever is thrown', () => {
  fc.assert(
    fc.property(anyOdd, (odd) => expectPlain(readThrown(odd.make()))),
    { numRuns: RUNS },
  );
});

it("without it, the SDK's converter fails at some, and obeys the options of others (the control)", () => {
  expect(() => asSdk(cyclicError())).toThrow(RangeError);
  expect(() => asSdk(ODD['a revoked proxy']?.())).toThrow(TypeError);
  expect(asSdk(ODD['a failure that is not to be retried']?.()).applicationFailureInfo?.nonRetryable).toBe(true);
});

it('the log takes each of them also as it was thrown', () => {
  for (const make of Object.values(ODD)) expect(JSON.parse(lineOf(make()))).toMatchObject({ msg: 'said' });
});

describe('of an error', () => {
  it('keeps name, message, code, causes, and where it was thrown', () => {
    class Declined extends Error {}
    const cause = Object.assign(new TypeError('no card'), { code: 'E_CARD' });
    const error = new Declined('it was declined\nreally', { cause });
    const read = readThrown(error);
    expect(read).toMatchObject({ name: 'Declined', message: 'it was declined\nreally' });
    expect(asSdk(read).applicationFailureInfo?.type).toBe('Declined');
    expect(read.cause).toMatchObject({ name: 'TypeError', message: 'no card', code: 'E_CARD' });
    expect(read.stack).toContain('thrown.test.ts');
    expect(errorFields(read)).toEqual(errorFields(error));
  });

  it('keeps what says that it is about a message, or thrown by a handler', () => {
    const error = markHandlerError(withErrorContext(new Error('x'), { topic: 't', key: 'k' }));
    const read = readThrown(error);
    expect(errorContextOf(read)).toMatchObject({ topic: 't', key: 'k' });
    expect(isHandlerError(read)).toBe(true);
  });

  it("keeps that it is the database's, and nothing that quotes a row", () => {
    const fields = { code: '23505', detail: 'Key (x)=(secret)', table: 'told', constraint: 'once' };
    const read = readThrown(Object.assign(new DatabaseError('duplicate key', 0, 'error'), fields));
    expect(read).toBeInstanceOf(DatabaseError);
    expect(read).toMatchObject({ code: '23505', table: 'told', constraint: 'once' });
    expect(JSON.stringify(read)).not.toContain('secret');
  });

  it('reads one that was read before as the same', () => {
    const read = readThrown('a text');
    expect(readThrown(read)).toBe(read);
    expect(readThrown(new Error('x', { cause: read })).cause).toBe(read);
  });
});

it('asks a proxy that throws for its class, and is told that it has none', () => {
  expect(isInstance(ODD['a revoked proxy']?.(), Error)).toBe(false);
  expect(isInstance(new TypeError('x'), Error)).toBe(true);
});
