import { ApplicationFailure, CancelledFailure, TerminatedFailure } from '@temporalio/common';
import fc from 'fast-check';

const throwing = () => {
  throw new Error('asked');
};

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable(new Error('revoked'), {});
  revoke();
  return proxy;
}

/** An error whose last cause is itself. */
export function cyclicError(): Error {
  const error = new Error('a circle');
  return Object.assign(error, { cause: new Error('within', { cause: error }) });
}

const deepError = () =>
  Array.from({ length: 20_000 }).reduce<Error>(
    (cause, _, depth) => new Error(`depth ${depth}`, { cause }),
    new Error(),
  );

const TRAPS = ['get', 'getPrototypeOf', 'has', 'ownKeys', 'getOwnPropertyDescriptor'] as const;
const trapped = (traps: readonly string[]) =>
  new Proxy(new Error('a proxy'), Object.fromEntries(traps.map((trap) => [trap, throwing])));

/** What code throws that means no harm, or all of it. Each is created anew. */
export const ODD: Record<string, () => unknown> = {
  null: () => null,
  undefined: () => undefined,
  'a text': () => 'a text',
  'a number': () => Number.NaN,
  'a bigint': () => 10n ** 1_000n,
  'a symbol': () => Symbol('s'),
  'a function': () => throwing,
  'a class': () => Error,
  'an object without a prototype': () => Object.create(null),
  'an error whose cause is itself': cyclicError,
  'an error with 20,000 causes': deepError,
  'an error with a huge message': () => new Error('x'.repeat(5_000_000)),
  'an error with a huge stack': () => Object.assign(new Error('x'), { stack: '    at f (x.ts:1:1)\n'.repeat(300_000) }),
  'an error with a huge name': () => Object.assign(new Error('x'), { name: 'x'.repeat(5_000_000) }),
  'half of a surrogate pair and a NUL': () =>
    Object.assign(new Error('\ud800\0'), { name: '\udfff\0', code: '\ud800' }),
  'an error with fields of other types': () =>
    Object.assign(new Error(), { name: 1n, message: Symbol('m'), stack: {}, code: { deep: 1n }, cause: 1n }),
  'a null as the cause': () => new Error('x', { cause: null }),
  'getters that throw': () =>
    Object.defineProperties(
      new Error('x'),
      Object.fromEntries(['stack', 'name', 'message', 'cause', 'code'].map((name) => [name, { get: throwing }])),
    ),
  'methods that throw': () =>
    Object.assign(new Error('x'), { toString: throwing, toJSON: throwing, [Symbol.toPrimitive]: throwing }),
  'a proxy that always throws': () => trapped(TRAPS),
  'a revoked proxy': revoked,
  'a revoked proxy as the cause': () => new Error('x', { cause: revoked() }),
  'a failure that is not to be retried': () => ApplicationFailure.nonRetryable('no more', 'Type', { secret: 1 }),
  'a failure that is to be retried in a year': () =>
    ApplicationFailure.create({ message: 'later', nextRetryDelay: '365 days' }),
  'a failure with details that are no JSON': () => ApplicationFailure.retryable('x', 'Type', 1n, Symbol('d')),
  'a cancellation of the SDK': () => new CancelledFailure('cancelled'),
  'a termination of the SDK': () => new TerminatedFailure('terminated'),
  'an abort': () => new DOMException('aborted', 'AbortError'),
};

/** Errors and other values as generated, with fields and traps of any kind. */
export const anyOdd: fc.Arbitrary<{ make(): unknown; toString(): string }> = fc
  .oneof(
    fc.constantFrom(...Object.keys(ODD)).map((name) => ({ name, make: ODD[name] as () => unknown })),
    fc
      .anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withNullPrototype: true })
      .map((value) => ({ name: fc.stringify(value), make: () => value })),
    fc
      .record(
        { name: odd(), message: odd(), stack: odd(), cause: odd(), code: odd(), toJSON: odd() },
        { requiredKeys: [] },
      )
      .map((fields) => ({ name: fc.stringify(fields), make: () => Object.assign(new Error('x'), fields) })),
    fc.subarray([...TRAPS]).map((traps) => ({ name: `traps ${traps}`, make: () => trapped(traps) })),
  )
  .map(({ name, make }) => ({ make, toString: () => name }));

function odd(): fc.Arbitrary<unknown> {
  return fc.oneof(fc.string({ unit: 'binary' }), fc.anything({ withBigInt: true }));
}
