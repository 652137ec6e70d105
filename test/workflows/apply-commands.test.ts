import { ActivityFailure, ApplicationFailure } from '@temporalio/common';
import type { LedgerActivities, ScheduledMessage } from '../../src/message/contract';
import type { Decision } from '../../src/message/decision';
import { createCommandRunner } from '../../src/workflows/apply-commands';
import type { MessageState } from '../../src/workflows/message-state';

const message: ScheduledMessage = {
  v: 1,
  topic: 'test.topic',
  tenant: 'acme',
  key: 'k',
  cycle: 1,
  dueAt: Date.now(),
  payload: {},
};

/** A message at its present cycle, with a ledger whose answers come when the test says. */
function stage() {
  let present = message;
  let ended: Decision | undefined;
  const asked: { what: string; answer(decision: Omit<Decision, 'decidedAt'>): void }[] = [];
  const state: MessageState = {
    message: () => present,
    ended: () => ended,
    markHeld: () => undefined,
    applyDecision(decision) {
      if (decision.next) present = { ...present, ...decision.next };
      else ended = decision;
    },
    recordAnswered: () => undefined,
    recordRefusal: () => undefined,
    view: () => ({ message: present, state: 'waiting', refusals: 0 }),
  };
  const ask = (what: string) =>
    new Promise<Decision>((resolve) => {
      asked.push({ what, answer: (decision) => resolve({ decidedAt: 0, ...decision }) });
    });
  const ledger: Pick<LedgerActivities, 'cancel' | 'move'> = {
    cancel: ({ command }) => ask(`cancel ${command.commandId}`),
    move: ({ command }) => ask(`move ${command.commandId}`),
  };
  return { state, ledger, asked };
}
const turns = () => new Promise((resolve) => setImmediate(resolve));

it('commands are applied in the order of their arrival: the second asks when the first is answered', async () => {
  const { state, ledger, asked } = stage();
  const commands = createCommandRunner(state, ledger, []);
  const moved = commands.move({ commandId: 'm', dueAt: 2 });
  const cancelled = commands.cancel({ commandId: 'c' });
  await turns();
  expect(asked.map(({ what }) => what)).toEqual(['move m']);
  expect(commands.idle()).toBe(false);

  asked[0]?.answer({ cycle: 1, outcome: 'moved', commandId: 'm', next: { cycle: 2, dueAt: 2 } });
  await moved;
  await turns();
  expect(asked.map(({ what }) => what)).toEqual(['move m', 'cancel c']);
  asked[1]?.answer({ cycle: 2, outcome: 'cancelled', commandId: 'c' });
  expect(await cancelled).toEqual({ result: 'cancelled' });
  expect(commands.idle()).toBe(true);
});

it('a command that the ledger cannot take is answered with its refusal, and the next one is asked', async () => {
  const { state, asked, ledger } = stage();
  const refusal = { code: 'invalidCycle', field: 'cycle', message: 'must be less' };
  const failure = ApplicationFailure.nonRetryable('x', 'PostdateInvalidMessage', refusal);
  const move = () => Promise.reject(new ActivityFailure('x', 'move', '1', 'NON_RETRYABLE_FAILURE', undefined, failure));
  const commands = createCommandRunner(state, { ...ledger, move }, []);
  const moved = commands.move({ commandId: 'm', dueAt: 2 });
  const cancelled = commands.cancel({ commandId: 'c' });
  await expect(moved).rejects.toMatchObject({ type: 'PostdateInvalidMessage', details: [refusal] });
  await turns();
  expect(asked.map(({ what }) => what)).toEqual(['cancel c']);
  asked[0]?.answer({ cycle: 1, outcome: 'cancelled', commandId: 'c' });
  expect(await cancelled).toEqual({ result: 'cancelled' });
});

it('five copies of a command are one question, and have one answer', async () => {
  const { state, ledger, asked } = stage();
  const commands = createCommandRunner(state, ledger, []);
  const answers = Array.from({ length: 5 }, () => commands.cancel({ commandId: 'c' }));
  await turns();
  asked[0]?.answer({ cycle: 1, outcome: 'cancelled', commandId: 'c' });
  expect(await Promise.all(answers)).toEqual(Array(5).fill({ result: 'cancelled' }));
  expect(asked).toHaveLength(1);
});

it('the last hundred answers go on to the next run, and an older command is for the ledger to know', async () => {
  const answer = { result: 'stale' as const, cycle: 1 };
  const before = Array.from({ length: 120 }, (_, index) => ({ commandId: `c${index}`, answer }));
  const { state, ledger, asked } = stage();
  const commands = createCommandRunner(state, ledger, before);
  expect(commands.applied()).toEqual(before.slice(-100));

  const later = stage();
  const next = createCommandRunner(later.state, later.ledger, commands.applied());
  expect(await next.move({ commandId: 'c119', dueAt: 2 })).toEqual(answer);
  void next.move({ commandId: 'c0', dueAt: 2 });
  await turns();
  expect(later.asked.map(({ what }) => what)).toEqual(['move c0']);
  expect(asked).toEqual([]);
});
