import type { WorkflowHandle } from '@temporalio/client';
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { move } from '../src/client';

const ref = { topic: 'test.effect', tenant: 'acme', key: 'k' };
const gone = () => new WorkflowNotFoundError('workflow execution already completed', 'id', 'run');

/** A client of a server on which the message's run ends at the first question, and whose next run has this to say. */
function clientOf(handle: Partial<Record<'executeUpdate' | 'describe', (...args: unknown[]) => unknown>>): Client {
  const typed = handle as unknown as WorkflowHandle;
  return {
    withDeadline: (_: number, call: () => unknown) => call(),
    workflow: { getHandle: () => typed },
  } as unknown as Client;
}
const running = { status: { name: 'RUNNING' }, typedSearchAttributes: { get: () => undefined } };

it('a command whose run goes on in another one while it is answered is asked again there, by the same id', async () => {
  const moved = { result: 'moved', dueAt: '2030-01-01T00:00:00.000Z', cycle: 2 };
  const asked: unknown[] = [];
  const client = clientOf({
    async executeUpdate(_, options) {
      asked.push((options as { updateId: string }).updateId);
      if (asked.length === 1) throw gone();
      return moved;
    },
    describe: async () => running,
  });
  expect(await move(client, ref, { dueAt: Date.now(), commandId: 'once' })).toEqual(moved);
  expect(asked).toEqual(['once', 'once']);
});

it('a message that nobody knows is not found', async () => {
  const client = clientOf({
    async executeUpdate() {
      throw gone();
    },
    async describe() {
      throw gone();
    },
  });
  expect(await move(client, ref, { dueAt: Date.now() })).toEqual({ result: 'notFound' });
});
