import { answerOf } from '../../../src/delivery/landing/answers';
import { PermanentFailure } from '../../../src/topics/topic';
import { effectMessage } from '../../support/effects';

const read = (answer: unknown) => answerOf(answer as Parameters<typeof answerOf>[0], effectMessage(0));

it('of done, skip and again are read', () => {
  expect(read({ do: 'done' })).toEqual({ outcome: 'delivered' });
  expect(read({ do: 'skip', reason: 'paid' })).toEqual({ outcome: 'skipped', reason: 'paid' });
  expect(read({ do: 'again', dueAt: '2030-01-01T00:00:00Z' })).toMatchObject({ next: { cycle: 2 } });
  expect(() => read({ do: 'again', dueAt: 'soon' })).toThrow(PermanentFailure);
});

it.each([undefined, null, {}, { do: 'gone' }, 'done', { do: 'skip', reason: 7 }, { do: 'skip', reason: Symbol('s') }])(
  'that is none is an error that is tried again, and no end of the message',
  (answer) => {
    expect(() => read(answer)).toThrow(Error);
    expect(() => read(answer)).not.toThrow(PermanentFailure);
  },
);
