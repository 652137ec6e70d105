import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { z } from 'zod';
import { cancel, move, schedule } from '../../src/client';
import type { LaneMatch } from '../../src/delivery/lanes/lane';
import { messageQuery, searchAttributesOf, WORKFLOW_TASK_QUEUE, workflowIdOf } from '../../src/message/contract';
import { memoOf } from '../../src/message/memo';
import type { RepeatInput } from '../../src/message/repeat';
import { messageOf } from '../../src/producing/post';
import { defineTopic } from '../../src/topics/define-topic';
import { again, done, PermanentFailure, skip } from '../../src/topics/topic';
import { eventually } from '../support/eventually';

const HOUR_MS = 3_600_000;
const troubled = new Set<string>();
const IN_LANES = ['inItsLane', 'failedByItsLane', 'leftByItsLane'] as const;
type Handler = 'done' | 'skip' | 'fail' | 'again' | 'trouble' | (typeof IN_LANES)[number];

/** What the handler does is written in the payload, so that each scene reads in a few lines. */
export const sceneTopic = defineTopic({
  name: 'history.scene',
  payload: z.object({ handler: z.enum(['done', 'skip', 'fail', 'again', 'trouble', ...IN_LANES]) }),
  async handle(_tx, { payload: { handler }, cycle, key }) {
    if (handler === 'skip') return skip('paid already');
    if (handler === 'fail') throw new PermanentFailure('no such account');
    if (handler === 'again' && cycle === 1) return again(Date.now() + 3_000);
    if (handler === 'trouble' && !troubled.has(key)) {
      troubled.add(key);
      throw new Error('the database is away');
    }
    return done;
  },
});

/** The same in its lane on trial, where one of them fails. */
export const laneTopic: typeof sceneTopic = {
  ...sceneTopic,
  async handle(tx, message) {
    if (message.payload.handler === 'failedByItsLane') throw new Error('the build on trial is broken');
    return sceneTopic.handle(tx, message);
  },
};

/** The lane that a worker of `laneTopic` serves; and one whose worker is said to live, and takes nothing. */
export const LANES = { served: 'trial', empty: 'empty' };

/** Which messages are for which of them. */
export const laneRules: Record<string, LaneMatch[]> = {
  [LANES.served]: [{ attribute: 'handler', oneOf: ['inItsLane', 'failedByItsLane'] }],
  [LANES.empty]: [{ attribute: 'handler', oneOf: ['leftByItsLane'] }],
};

/** One run of a message that was just posted, and what may be done to it. */
function stage(client: Client, key: string) {
  const ref = { topic: sceneTopic.name, tenant: 'acme', key };
  const handle = client.workflow.getHandle(workflowIdOf(ref));
  return {
    ref,
    handle,
    post: async (
      handler: Handler,
      dueInMs: number,
      { leadMs = 1_000, repeat }: { leadMs?: number; repeat?: RepeatInput } = {},
    ) => {
      const topic = { ...sceneTopic, leadMs };
      await schedule(client, { ...ref, topic, dueAt: Date.now() + dueInMs, payload: { handler }, repeat });
      // The first run, whatever becomes of the message in later ones.
      return (await handle.describe()).runId;
    },
    /**
     * As a producer starts it, but with its first task put off: what is sent meanwhile is there before it. Or in a burst, of
     * which the others are not needed.
     */
    postApart: async (
      handler: 'done',
      dueInMs: number,
      { startDelay, inBurst }: { startDelay?: number; inBurst?: true },
    ) => {
      const topic = inBurst ? { ...sceneTopic, leadMs: 500 } : sceneTopic;
      const post = { ...ref, topic, dueAt: Date.now() + dueInMs, payload: { handler }, cycle: 1 };
      const message = { ...messageOf(post), inBurst };
      await client.workflow.start('scheduledMessage', {
        workflowId: workflowIdOf(ref),
        taskQueue: WORKFLOW_TASK_QUEUE,
        args: [message],
        memo: { ...memoOf(message) },
        typedSearchAttributes: searchAttributesOf(message),
        startDelay,
      });
      return (await handle.describe()).runId;
    },
    /** As a client in another language starts it, with neither memo nor search attributes. */
    startBare: async (dueInMs: number, fields: object = {}) => {
      const bare = { v: 1, ...ref, cycle: 1, dueAt: Date.now() + dueInMs, payload: { handler: 'done' }, ...fields };
      const workflowId = workflowIdOf(ref);
      await client.workflow.start('scheduledMessage', { workflowId, taskQueue: WORKFLOW_TASK_QUEUE, args: [bare] });
      return (await handle.describe()).runId;
    },
    asleep: () =>
      eventually(async () => {
        const { events } = await handle.fetchHistory();
        if (!events?.some((event) => event.timerStartedEventAttributes)) throw new Error('it does not sleep yet');
      }),
    held: () =>
      eventually(async () => {
        const { state } = await handle.query(messageQuery);
        if (state !== 'held') throw new Error('it is not held yet');
      }),
    inItsLane: () =>
      eventually(async () => {
        const { events } = await handle.fetchHistory();
        const queues = events?.map((event) => event.activityTaskScheduledEventAttributes?.taskQueue?.name);
        if (!queues?.some((queue) => queue?.includes('@'))) throw new Error('it is in no lane yet');
      }),
    ended: () =>
      eventually(async () => {
        if ((await handle.describe()).status.name === 'RUNNING') throw new Error('it has not ended yet');
      }),
  };
}

type Scene = (on: ReturnType<typeof stage>, client: Client) => Promise<string | undefined>;

/** Posts, lets it end, records the last run. */
const posted =
  (handler: Parameters<ReturnType<typeof stage>['post']>[0], dueInMs: number): Scene =>
  async ({ post, ended }) => {
    await post(handler, dueInMs);
    await ended();
    return undefined;
  };

/** One for each shape of waiting. Each resolves with the run to record; undefined is the last one. */
const scenes: Record<string, Scene> = {
  asleep: async ({ post, asleep }) => {
    const runId = await post('done', 300 * 24 * HOUR_MS);
    await asleep();
    return runId;
  },
  delivered: posted('done', 500),
  'delivered-after-its-lead': posted('done', 4_000),
  'delivered-late': posted('done', -HOUR_MS),
  'delivered-after-trouble': posted('trouble', 1_000),
  skipped: posted('skip', 1_000),
  failed: posted('fail', 1_000),
  repeated: async ({ post, ended }) => {
    const runId = await post('again', 1_000);
    await ended();
    return runId;
  },
  'in-a-series': async ({ post, ended }) => {
    const runId = await post('done', 1_000, { repeat: { every: 'PT3S', maxCycles: 2 } });
    await ended();
    return runId;
  },
  'moved-in-a-series': async ({ post, asleep, ended, ref }, client) => {
    await post('done', HOUR_MS, { repeat: { every: 'PT3S', maxCycles: 1 } });
    await asleep();
    await move(client, ref, { dueAt: Date.now() + 2_000, expectedCycle: 1 });
    await ended();
    return undefined;
  },
  cancelled: async ({ post, asleep, ended, ref }, client) => {
    const runId = await post('done', HOUR_MS);
    await asleep();
    await cancel(client, ref, { reason: 'paid' });
    await ended();
    return runId;
  },
  'cancelled-by-request': async ({ post, asleep, ended, handle }) => {
    const runId = await post('done', HOUR_MS);
    await asleep();
    await handle.cancel();
    await ended();
    return runId;
  },
  moved: async ({ post, asleep, ended, ref }, client) => {
    const runId = await post('done', HOUR_MS);
    await asleep();
    await move(client, ref, { dueAt: Date.now() + 2_000 });
    await ended();
    return runId;
  },
  'moved-and-delivered': async ({ post, asleep, ended, ref }, client) => {
    await post('done', HOUR_MS);
    await asleep();
    await move(client, ref, { dueAt: Date.now() + 2_000 });
    await ended();
    return undefined;
  },
  'cancelled-while-held': async ({ post, held, ended, ref }, client) => {
    const runId = await post('done', 30_000, { leadMs: HOUR_MS });
    await held();
    await cancel(client, ref);
    await ended();
    return runId;
  },
  'moved-while-held': async ({ post, held, ended, ref }, client) => {
    const runId = await post('done', 30_000, { leadMs: HOUR_MS });
    await held();
    await move(client, ref, { dueAt: Date.now() + 2_000 });
    await ended();
    return runId;
  },
  'commands-before-its-first-task': async ({ postApart, ended, handle }) => {
    const runId = await postApart('done', HOUR_MS, { startDelay: 3_000 });
    await handle.signal('move', { dueAt: Date.now() + 2 * HOUR_MS });
    await handle.signal('cancel', { reason: 'paid' });
    await ended();
    return runId;
  },
  'cancelled-before-its-late-first-task': async ({ postApart, ended, handle }) => {
    const runId = await postApart('done', 1_000, { startDelay: 3_000 });
    await handle.signal('cancel', { reason: 'paid' });
    await ended();
    return runId;
  },
  // By a wake without the decision, within its lead: it asks for that.
  'woken-in-a-burst': async ({ postApart, asleep, ended, handle }) => {
    const dueAt = Date.now() + 4_000;
    const runId = await postApart('done', 4_000, { inBurst: true });
    await asleep();
    await pause(dueAt - 200 - Date.now());
    await handle.signal('wake');
    await ended();
    return runId;
  },
  // The roll call finds it, and the worker that has landed it tells it the decision.
  'told-in-a-burst': async ({ postApart, asleep, ended }) => {
    const runId = await postApart('done', 4_000, { inBurst: true });
    await asleep();
    await ended();
    return runId;
  },
  'in-its-lane': posted('inItsLane', 1_500),
  'failed-by-its-lane': posted('failedByItsLane', 1_500),
  'left-by-its-lane': posted('leftByItsLane', 1_500),
  'cancelled-in-its-lane': async ({ post, inItsLane, ended, ref }, client) => {
    const runId = await post('inItsLane', 30_000, { leadMs: HOUR_MS });
    await inItsLane();
    await cancel(client, ref);
    await ended();
    return runId;
  },
  'started-bare': async ({ startBare, ended }) => {
    const runId = await startBare(3_000, { staleAfterMs: null });
    await ended();
    return runId;
  },
  'refused-at-its-start': async ({ startBare, ended }) => {
    const runId = await startBare(HOUR_MS, { staleAfterMs: 'soon' });
    await ended();
    return runId;
  },
  'malformed-commands': async ({ post, asleep, ended, handle, ref }, client) => {
    const runId = await post('done', HOUR_MS);
    await asleep();
    await handle.signal('cancel', 7);
    await handle.signal('move', { dueAt: Math.round(Date.now() / 1_000) });
    await cancel(client, ref, { reason: 'paid' });
    await ended();
    return runId;
  },
  'refused-commands': async ({ post, asleep, ended, handle }) => {
    const runId = await post('done', 4_000);
    await asleep();
    await handle.signal('remind', 'somebody');
    await handle.signal('move', { dueAt: 'next friday' });
    await ended();
    return runId;
  },
};

/** Plays on the dev server, in the time that it takes. */
export const playedNames = Object.keys(scenes);

/** A month takes a server that skips time, and a run of its own. */
export const HOPPED = 'hopped';

/** The names of the scenes, each a file's. */
export const sceneNames = [...playedNames, HOPPED];

/** Plays a scene on a server with a worker, and resolves with the history of its run. */
export async function play(client: Client, name: string) {
  const on = stage(client, name);
  const runId = await (scenes[name] as Scene)(on, client);
  return client.workflow.getHandle(on.handle.workflowId, runId).fetchHistory();
}
