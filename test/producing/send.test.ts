import { type Client, WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import { z } from 'zod';
import { cancel, move, schedule } from '../../src/client';
import { problemOf } from '../../src/http/problems';

const ref = { topic: 'test.effect', tenant: 'acme', key: 'k' };
const gone = () => Promise.reject(new WorkflowNotFoundError('already completed', 'postdate:test.effect:acme:k', 'run'));

const options = { namespace: 'default' };
const unknownThere = () =>
  Promise.reject(Object.assign(new Error('not found'), { code: 5, details: 'no such workflow', metadata: {} }));
// temporal.api.enums.v1.WorkflowExecutionStatus
const STATUSES = { RUNNING: 1, COMPLETED: 2 };

/** A client of a server on which the message is in this state, and that answers an update like this, call after call. */
function clientOf(status: keyof typeof STATUSES, answers: (() => Promise<unknown>)[]) {
  const updates: unknown[] = [];
  const handle = {
    async executeUpdate(_update: unknown, { updateId }: { updateId: string }) {
      updates.push(updateId);
      return answers[Math.min(updates.length, answers.length) - 1]?.();
    },
    result: async () => ({ outcome: 'delivered', decidedAt: '2027-01-01T00:00:00.000Z', cycle: 1 }),
  };
  const client = {
    options,
    withDeadline: (_at: number, call: () => unknown) => call(),
    workflow: { getHandle: () => handle },
    workflowService: {
      describeWorkflowExecution: async ({ execution }: { execution: { workflowId: string } }) => ({
        workflowExecutionInfo: { execution: { ...execution, runId: 'r' }, status: STATUSES[status] },
      }),
    },
  };
  return { client: client as unknown as Client, updates };
}

describe('a command whose run has ended before its answer was given out', () => {
  it('is asked again of the run that goes on, by the same id', async () => {
    const moved = { result: 'moved', dueAt: '2027-01-01T00:00:00.000Z', cycle: 2 };
    const { client, updates } = clientOf('RUNNING', [gone, gone, async () => moved]);
    expect(await move(client, ref, { dueAt: Date.now(), commandId: 'same' })).toEqual(moved);
    expect(updates).toEqual(['same', 'same', 'same']);
  });

  it('fails when it is never found, rather than to say that there is no such message', async () => {
    const { client } = clientOf('RUNNING', [gone]);
    await expect(cancel(client, ref)).rejects.toBeInstanceOf(WorkflowNotFoundError);
  });

  it('is too late when the message has ended (the control)', async () => {
    const { client, updates } = clientOf('COMPLETED', [gone]);
    expect(await cancel(client, ref)).toMatchObject({ result: 'tooLate', outcome: 'delivered' });
    expect(updates).toHaveLength(1);
  });
});

describe('a post to a message that is neither free nor waiting whenever it is looked at', () => {
  const topic = { name: 'test.effect', payload: z.object({}) };
  const post = { ...ref, topic, dueAt: Date.now() + 60_000, payload: {} };

  function serverThatFrees(afterStarts: number) {
    const starts: unknown[] = [];
    const workflow = {
      async start(_type: string, { memo }: { memo: { commandId: string } }) {
        starts.push(memo.commandId);
        if (starts.length <= afterStarts)
          throw new WorkflowExecutionAlreadyStartedError('is there', 'w', 'scheduledMessage');
      },
    };
    const workflowService = { describeWorkflowExecution: unknownThere };
    const client = { options, withDeadline: (_at: number, call: () => unknown) => call(), workflow, workflowService };
    return { client: client as unknown as Client, starts };
  }

  it('ends with an error that says so, instead of going on for ever', async () => {
    const { client, starts } = serverThatFrees(Number.POSITIVE_INFINITY);
    const scheduling = schedule(client, post, { commandId: 'same' });
    await expect(scheduling).rejects.toMatchObject({ name: 'OvertakenError', code: 'overtaken' });
    expect(starts).toEqual(Array(20).fill('same'));
    const error = await scheduling.catch((thrown: unknown) => thrown);
    expect(problemOf(error)).toMatchObject({ status: 409, code: 'overtaken' });
  });

  it('is scheduled as soon as it is free (the control)', async () => {
    const { client, starts } = serverThatFrees(19);
    expect(await schedule(client, post)).toMatchObject({ result: 'scheduled' });
    expect(starts).toHaveLength(20);
  });
});
