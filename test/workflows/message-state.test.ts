import { occurrenceOf } from '../../src/message/occurrence';
import { createMessageState } from '../../src/workflows/message-state';
import { effectMessage } from '../support/effects';

// Only a workflow has current details; what they say is no part of this.
jest.mock('@temporalio/workflow', () => ({
  ...jest.requireActual('@temporalio/workflow'),
  setCurrentDetails: () => undefined,
}));

it.each([
  ['a move leaves the occurrence as it is', 'moved', 1],
  ['the next due time is the next occurrence (the control)', 'delivered', 2],
] as const)('%s, whatever the next cycle is', (_what, outcome, occurrence) => {
  for (const cycle of [2, 9]) {
    const state = createMessageState(effectMessage(0, { cycle: cycle - 1, uncountedCycles: cycle - 2 }));
    state.applyDecision({ cycle: cycle - 1, outcome, decidedAt: Date.now(), next: { cycle, dueAt: Date.now() } });
    expect(state.message().cycle).toBe(cycle);
    expect(occurrenceOf(state.message())).toBe(occurrence);
  }
});
