import type { Client } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { nanoid } from 'nanoid';
import { z } from 'zod';
import { cancel, describe, move, schedule } from '../../src/client';
import { cancelSignal, moveSignal } from '../../src/message/commands';
import { messageQuery, workflowIdOf } from '../../src/message/contract';
import type { Post } from '../../src/producing/post';
import { defineTopic } from '../../src/topics/define-topic';
import { defineEvent } from '../../src/topics/event-types';
import { again, done, PermanentFailure, skip } from '../../src/topics/topic';
import { eventually } from '../support/eventually';

const HOUR_MS = 3_600_000;
// Inside the lead, so that it is held at once; hardly so, as on any machine a command is to come before it is due.
const SOON_MS = 8_000;

const payload = z.object({ handler: z.enum(['done', 'paid', 'fail', 'again']).default('done') });

export const semanticsTopic = defineTopic({
  name: 'test.semantics',
  payload,
  events: [defineEvent({ type: 'expired', summary: 'It was due', data: z.object({}) })],
  async handle({ emit }, { payload: { handler }, cycle }) {
    if (handler === 'paid') return skip('paid already');
    if (handler === 'fail') throw new PermanentFailure('no such account');
    await emit('expired', {});
    return handler === 'again' && cycle === 1 ? again(Date.now() + 500) : done;
  },
});

type Options = Partial<Omit<Post<typeof payload>, 'topic' | 'tenant' | 'key'>>;

/** One message, and what may be done to it; every step resolves with its answer as the table writes it. */
export function stage(client: Client, key = nanoid()) {
  const ref = { topic: semanticsTopic.name, tenant: 'acme', key };
  const handle = client.workflow.getHandle(workflowIdOf(ref));
  const written = (answer: { result: string; outcome?: string; cycle?: number }) =>
    [answer.result, answer.outcome, answer.cycle].filter((part) => part !== undefined).join(' ');
  const post = async (dueInMs: number, options: Options = {}, how: Parameters<typeof schedule>[2] = {}) =>
    written(
      await schedule(
        client,
        { topic: semanticsTopic, tenant: 'acme', key, payload: {}, dueAt: Date.now() + dueInMs, ...options },
        how,
      ),
    );
  const until = (state: string) => eventually(async () => expect((await handle.query(messageQuery)).state).toBe(state));
  return {
    key,
    handle,
    post,
    cancel: async (commandId?: string) => written(await cancel(client, ref, { commandId })),
    move: async (inMs: number, fields = {}) =>
      written(await move(client, ref, { dueAt: Date.now() + inMs, ...fields })),
    ended: () =>
      eventually(async () => {
        const status = await describe(client, ref);
        expect(status?.state).not.toBe('waiting');
        expect(status).toBeDefined();
      }, 60_000),
    async asleep(options?: Options) {
      const answer = await post(HOUR_MS, options);
      await until('waiting');
      return answer;
    },
    async held(options?: Options) {
      const answer = await post(SOON_MS, options);
      await until('held');
      return answer;
    },
  };
}
type Stage = ReturnType<typeof stage>;

const NO_ANSWER = '–';

/** By `event, state`. Each brings the message into its state, has the event happen, and resolves with the answer. */
export const scenarios: Record<string, (on: Stage, client: Client) => Promise<string>> = {
  'due, asleep': ({ post }) => post(12_000),
  'due, held': ({ held }) => held(),
  'due, paid before, held': ({ held }) => held({ payload: { handler: 'paid' } }),
  'due, its handler fails for good, held': ({ held }) => held({ payload: { handler: 'fail' } }),
  'due, its handler says again, held': ({ held }) => held({ payload: { handler: 'again' } }),
  'due, in a series of two, held': ({ held }) => held({ repeat: { every: 'PT2S', maxCycles: 2 } }),
  'due, later than its limit, landing': ({ post }) => post(-HOUR_MS, { staleAfterMs: 1_000 }),

  'cancel, asleep': async ({ asleep, cancel: cancelIt }) => {
    await asleep();
    return cancelIt();
  },
  'cancel, held': async ({ held, cancel: cancelIt }) => {
    await held();
    return cancelIt();
  },
  'cancel, ended': async ({ post, ended, cancel: cancelIt }) => {
    await post(0);
    await ended();
    return cancelIt();
  },
  'cancel, never posted': ({ cancel: cancelIt }) => cancelIt(),
  'cancel, as a signal, asleep': async ({ asleep, handle }) => {
    await asleep();
    await handle.signal(cancelSignal, { commandId: nanoid() });
    return NO_ANSWER;
  },
  'cancel, the same command five times, asleep': async ({ asleep, cancel: cancelIt }) => {
    await asleep();
    const commandId = nanoid();
    const answers = await Promise.all(Array.from({ length: 5 }, () => cancelIt(commandId)));
    expect(new Set(answers).size).toBe(1);
    return answers[0] as string;
  },

  'move to later, asleep': async ({ post, move: moveIt }) => {
    await post(12_000);
    return moveIt(15_000);
  },
  'move to later, held': async ({ held, move: moveIt }) => {
    await held();
    return moveIt(SOON_MS + 2_000);
  },
  'move into the past, asleep': async ({ asleep, move: moveIt }) => {
    await asleep();
    return moveIt(-HOUR_MS);
  },
  'move into the past, held': async ({ held, move: moveIt }) => {
    await held();
    return moveIt(-HOUR_MS);
  },
  'move, the same command again, asleep': async ({ asleep, move: moveIt }) => {
    await asleep();
    const commandId = nanoid();
    const dueAt = Date.now() + SOON_MS;
    expect(await moveIt(0, { commandId, dueAt })).toBe('moved 2');
    return moveIt(0, { commandId, dueAt: dueAt + HOUR_MS });
  },
  'move, another cycle expected, asleep': async ({ post, move: moveIt }) => {
    await post(12_000);
    return moveIt(HOUR_MS, { expectedCycle: 2 });
  },
  'move, ended': async ({ post, ended, move: moveIt }) => {
    await post(0);
    await ended();
    return moveIt(HOUR_MS);
  },
  'move, never posted': ({ move: moveIt }) => moveIt(HOUR_MS),

  'post again, asleep': async ({ post }) => {
    await post(12_000);
    return post(HOUR_MS);
  },
  'post again, keep, asleep': async ({ post }) => {
    await post(12_000);
    return post(HOUR_MS, {}, { onConflict: 'keep' });
  },
  'post again, move, asleep': async ({ asleep, post }) => {
    await asleep();
    return post(SOON_MS, {}, { onConflict: 'move' });
  },
  'post again, ended': async ({ post, ended }) => {
    await post(0);
    await ended();
    return post(0);
  },
  'post again, by the same command, ended': async ({ post, ended }) => {
    const [commandId, dueAt] = [nanoid(), Date.now()];
    await post(0, { dueAt }, { commandId });
    await ended();
    return post(0, { dueAt }, { commandId });
  },

  "Temporal's cancel, asleep": async ({ asleep, handle }) => {
    await asleep();
    await handle.cancel();
    return NO_ANSWER;
  },
  "Temporal's terminate, asleep": async ({ asleep, handle }) => {
    await asleep();
    await handle.terminate();
    return NO_ANSWER;
  },
  "Temporal's reset, ended": async ({ post, ended, handle }, client) => {
    await post(0);
    await ended();
    const { events } = await handle.fetchHistory();
    const first = events?.find((event) => event.workflowTaskCompletedEventAttributes);
    await client.workflowService.resetWorkflowExecution({
      namespace: client.options.namespace,
      workflowExecution: { workflowId: handle.workflowId },
      reason: 'test',
      requestId: nanoid(),
      workflowTaskFinishEventId: first?.eventId,
    });
    return NO_ANSWER;
  },
  'a signal that nobody can read, asleep': async ({ post, handle }, client) => {
    await post(12_000);
    const broken = { ...defaultPayloadConverter.toPayload('x'), data: Buffer.from('{not json') };
    await client.workflowService.signalWorkflowExecution({
      namespace: client.options.namespace,
      workflowExecution: { workflowId: handle.workflowId },
      signalName: moveSignal.name,
      requestId: nanoid(),
      input: { payloads: [broken] },
    });
    return NO_ANSWER;
  },
};
