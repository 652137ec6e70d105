import { foreignCode } from '../../src/platform/telemetry/foreign-code';
import { upcast } from '../../src/topics/payload-version';

const topic = (...upcasts: ((payload: unknown) => unknown)[]) => ({
  name: 'test.upcast',
  payloadVersion: upcasts.length + 1,
  upcasts,
});

it('each upcast gets what the one before returned, and is known as code of its topic while it runs', () => {
  const seen: unknown[] = [];
  const adding = (text: string) => (payload: unknown) => {
    seen.push(foreignCode());
    return `${payload}${text}`;
  };
  expect(upcast(topic(adding('b'), adding('c')), { payload: 'a' })).toBe('abc');
  expect(upcast(topic(adding('b'), adding('c')), { payload: 'a', payloadVersion: 2 })).toBe('ac');
  expect(seen).toEqual(Array(3).fill({ part: 'upcast', topic: 'test.upcast' }));
  expect(foreignCode()).toBeUndefined();
});

it.each([
  ['resolves', async () => 'b'],
  ['rejects', () => Promise.reject(new Error('left behind'))],
])('an upcast whose promise %s is an error, and its promise is left behind by nobody', async (_, step) => {
  const left: unknown[] = [];
  const onLeft = (reason: unknown) => left.push(reason);
  process.on('unhandledRejection', onLeft);
  try {
    expect(() => upcast(topic(step), { payload: 'a' })).toThrow(/test\.upcast returned a promise/);
    await new Promise((resolve) => setImmediate(resolve));
    expect(left).toEqual([]);
  } finally {
    process.off('unhandledRejection', onLeft);
  }
});
