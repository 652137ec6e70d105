import { z } from 'zod';
import { defineTopic } from '../../src/topics/define-topic';

/** What the handler of a stranger's messages throws, by name. */
const ODD: Record<string, () => unknown> = {
  circle() {
    const error = new Error('a circle');
    return Object.assign(error, { cause: error });
  },
  null: () => null,
  huge: () => new Error('x'.repeat(2_000_000)),
  proxy: () =>
    new Proxy(new Error('a proxy'), {
      get() {
        throw new Error('asked');
      },
    }),
  floating() {
    void Promise.reject(new Error('left floating'));
    return new Error('beside a floating one');
  },
};
export const ODD_NAMES = Object.keys(ODD);

/** A topic whose handler only throws: its messages are retried for ever, and nobody else's are late for it. */
export const oddTopic = defineTopic({
  name: 'chaos.odd',
  payload: z.object({ throws: z.enum(ODD_NAMES) }),
  leadMs: 2_000,
  handle(_, { payload }): never {
    throw ODD[payload.throws]?.();
  },
});
