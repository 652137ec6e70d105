import { isGrpcServiceError } from '@temporalio/client';
import type { Payload } from '@temporalio/common';
import fc from 'fast-check';
import { nanoid } from 'nanoid';
import { cancel, describe as describe_, list, move, schedule } from '../../src/client';
import {
  messageQuery,
  type ScheduledMessage,
  searchAttributes,
  WORKFLOW_TASK_QUEUE,
  workflowIdOf,
} from '../../src/message/contract';
import { findStuckMessages } from '../../src/operating/stuck';
import type { Installation } from '../../src/process/installation';
import { useDatabase } from '../support/database';
import { effectMessage, effectsSchema, effectTopic, traces } from '../support/effects';
import { eventually } from '../support/eventually';
import { type ForeignStart, foreignStart, readable } from '../support/foreign-starts';
import { useTemporal } from '../support/temporal';

const RUNS = Math.ceil(Number(process.env.POSTDATE_FUZZ_RUNS ?? 600) / 5);
const SEED = process.env.POSTDATE_FUZZ_SEED ? Number(process.env.POSTDATE_FUZZ_SEED) : undefined;
const AT_ONCE = 20;
const RUNNING = 1;
const INVALID_ARGUMENT = 3;

const temporal = useTemporal();
const database = useDatabase(effectsSchema);
// A second of lead, so that a neighbour is soon due.
const topic = { ...effectTopic(), leadMs: 1_000 };
const installation: Installation = { topics: [topic], consumers: [], schemas: [] };

let stop: () => void;
let stopped: Promise<void>;
beforeAll(async () => {
  const until = new Promise<void>((resolve) => {
    stop = resolve;
  });
  await new Promise<void>((running) => {
    stopped = temporal.withWorker(database, installation, () => {
      running();
      return until;
    });
  });
});
afterAll(() => {
  stop();
  return stopped;
});

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;
const json = (value: unknown): Payload => ({
  metadata: { encoding: Buffer.from('json/plain') },
  data: Buffer.from(JSON.stringify(value)),
});
const encrypted: Payload = { metadata: { encoding: Buffer.from('binary/encrypted') }, data: Buffer.from('secret') };
const effect = (dueInMs: number, fields: object = {}) => ({ ...effectMessage(dueInMs), ...fields }) as ScheduledMessage;

/** As a client in another language starts it: with no memo and no search attributes. */
async function startBare(
  message: ScheduledMessage,
  { id = workflowIdOf(message), input = json(message), more = {} } = {},
) {
  await temporal.connection.workflowService.startWorkflowExecution({
    namespace: temporal.namespace,
    workflowId: id,
    requestId: nanoid(),
    workflowType: { name: 'scheduledMessage' },
    taskQueue: { name: WORKFLOW_TASK_QUEUE },
    input: { payloads: [input] },
    ...more,
  });
  return temporal.client.workflow.getHandle(id);
}
const sendSignal = (workflowId: string, signalName: string, input: Payload) =>
  temporal.connection.workflowService.signalWorkflowExecution({
    namespace: temporal.namespace,
    workflowExecution: { workflowId },
    signalName,
    requestId: nanoid(),
    input: { payloads: [input] },
  });
const delivered = { effects: 1, decisions: 1, events: 1 };
const nothing = { effects: 0, decisions: 0, events: 0 };

it.each<[string, object]>([
  ['no optional field (the control)', {}],
  [
    'null for each optional field',
    {
      leadMs: null,
      payloadVersion: null,
      repeat: null,
      traceparent: null,
      postId: null,
      staleAfterMs: null,
      dueBefore2000: null,
    },
  ],
  [
    'null within its repeat',
    { repeat: { every: 'P1D', maxCycles: 1, cron: null, zone: null, startAt: 0, at: 0, done: 0 } },
  ],
  ['a due time in 1970 that it asks for', { dueAt: 1_796_043_883, dueBefore2000: true }],
  ['a due time in 2000', { dueAt: Date.UTC(2000, 0, 1) }],
  ['the largest cycle that it can name', { cycle: 2_000_000_000 }],
])('a message started with %s is delivered', async (_what, fields) => {
  const message = effect(SECOND_MS, fields);
  const handle = await startBare(message);
  expect(await handle.result()).toMatchObject({ outcome: 'delivered', cycle: message.cycle });
  expect(await traces(database.pool, message.key)).toEqual(delivered);
});

it.each<[string, object, string, string]>([
  ['a limit in words', { staleAfterMs: 'soon' }, 'invalidStaleAfter', 'staleAfterMs'],
  ['a lead in words', { leadMs: '10s' }, 'invalidLead', 'leadMs'],
  ['half a payload version', { payloadVersion: 1.5 }, 'invalidPayloadVersion', 'payloadVersion'],
  ['a repeat in one word', { repeat: 'daily' }, 'invalidRepeat', 'repeat'],
  [
    'a repeat with a number as its zone',
    { repeat: { every: 'P1D', zone: 1, startAt: 0, at: 0, done: 0 } },
    'invalidRepeat',
    'repeat.zone',
  ],
  ['a trace that is an object', { traceparent: {} }, 'invalidTraceparent', 'traceparent'],
  ['a post id that is a number', { postId: 7 }, 'invalidPostId', 'postId'],
  ['a version that is none', { v: 'one' }, 'invalidMessageVersion', 'v'],
  ['answers that no run of ours has given', { applied: 5 }, 'invalidCarried', 'applied'],
  ['a due time in seconds', { dueAt: 1_796_043_883 }, 'dueAtTooEarly', 'dueAt'],
  ['a cycle without room for the next', { cycle: 2_147_483_647 }, 'invalidCycle', 'cycle'],
  ['a payload of 1.5 MB', { payload: { note: 'n'.repeat(1_500_000) } }, 'payloadTooLarge', 'payload'],
  ['a payload 33 deep', { payload: JSON.parse(`${'['.repeat(33)}${']'.repeat(33)}`) }, 'payloadTooDeep', 'payload'],
  ['a NUL in its payload', { payload: { note: '\0' } }, 'invalidPayload', 'payload'],
  ['100 KB in a field of no release', { future: 'x'.repeat(100_000) }, 'messageTooLarge', 'message'],
])(
  'a message started with %s ends in sight, by code and field, and has no effect',
  async (_what, fields, code, field) => {
    const message = effect(SECOND_MS, fields);
    const handle = await startBare(message);
    await expect(handle.result()).rejects.toMatchObject({
      cause: { type: 'PostdateInvalidMessage', nonRetryable: true, details: [{ code, field }] },
    });
    expect(await describe_(temporal.client, message)).toMatchObject({ state: 'failed', ending: undefined });
    expect(await traces(database.pool, message.key)).toEqual(nothing);
  },
);

it('a cron schedule begins no run with what its first run has refused', async () => {
  const message = effect(-SECOND_MS, { payload: 'x'.repeat(20_000) });
  const workflowId = workflowIdOf(message);
  const first = await startBare(message, { more: { cronSchedule: '@every 1s' } });
  const runs = async () => {
    const ended: string[] = [];
    const query = `WorkflowId = '${workflowId}' and ExecutionStatus != 'Running'`;
    for await (const { status } of temporal.client.workflow.list({ query })) ended.push(status.name);
    return ended;
  };
  await eventually(async () => expect((await runs()).length).toBeGreaterThanOrEqual(3));
  await first.terminate();
  expect(new Set(await runs())).toEqual(new Set(['FAILED', 'TERMINATED']));
  expect(await traces(database.pool, message.key)).toEqual(nothing);
});

it('a message that cannot be decoded ends in sight, and so does one under the id of another tenant', async () => {
  const message = effect(SECOND_MS);
  const unread = await startBare(message, { input: encrypted });
  await expect(unread.result()).rejects.toMatchObject({ cause: { details: [{ code: 'undecodable' }] } });

  const theirs = effect(2 * SECOND_MS, { tenant: 'globex' });
  const own = await startBare(theirs);
  const foreign = await startBare(theirs, { id: workflowIdOf({ ...theirs, tenant: 'acme' }) });
  await expect(foreign.result()).rejects.toMatchObject({ cause: { details: [{ code: 'otherWorkflowId' }] } });
  expect(await cancel(temporal.client, { ...theirs, tenant: 'acme' })).toEqual({ result: 'notFound' });
  expect(await own.result()).toMatchObject({ outcome: 'delivered' });
});

it('a memo and search attributes that cannot be decoded harm nothing, and the memo goes on as it came', async () => {
  const message = effect(HOUR_MS);
  const nil: Payload = { metadata: { encoding: Buffer.from('binary/null') } };
  const more = { memo: { fields: { secret: encrypted } }, searchAttributes: { indexedFields: { PostdateKey: nil } } };
  const handle = await startBare(message, { more });
  expect(await move(temporal.client, message, { dueAt: Date.now() + SECOND_MS })).toMatchObject({ result: 'moved' });
  expect(await handle.result()).toMatchObject({ outcome: 'delivered', cycle: 2 });
  const { workflowExecutionInfo } = await temporal.connection.workflowService.describeWorkflowExecution({
    namespace: temporal.namespace,
    execution: { workflowId: handle.workflowId },
  });
  expect(Buffer.from(workflowExecutionInfo?.memo?.fields?.secret?.data ?? []).toString()).toBe('secret');
});

it('a message started without search attributes gets them from its id, and is listed by them', async () => {
  const message = effect(HOUR_MS);
  const { topic: name, tenant, key } = message;
  const handle = await startBare(message);
  expect(await describe_(temporal.client, message)).toMatchObject({ topic: name, tenant, key, state: 'waiting' });
  await eventually(async () => {
    const { typedSearchAttributes } = await handle.describe();
    const shown = Object.values(searchAttributes).map((attribute) => typedSearchAttributes.get(attribute as never));
    expect(shown).toEqual([name, tenant, key, new Date(message.dueAt)]);
  });
  await eventually(async () => {
    const listed = [];
    for await (const one of list(temporal.client, { tenant, keys: [key] })) listed.push(one);
    expect(listed).toMatchObject([{ topic: name, tenant, key, dueAt: new Date(message.dueAt).toISOString() }]);
  });
  // One that says it is another tenant's is not in that tenant's list, whatever became of it.
  const asGlobex = { indexedFields: { PostdateTenant: json('globex'), PostdateKey: json(key) } };
  const liar = await startBare(effect(HOUR_MS, { cycle: 0 }), { more: { searchAttributes: asGlobex } });
  await expect(liar.result()).rejects.toThrow();
  await eventually(async () => {
    const query = `PostdateTenant = 'globex' and PostdateKey = '${key}' and ExecutionStatus = 'Failed'`;
    expect((await temporal.client.workflow.count(query)).count).toBe(1);
  });
  for await (const one of list(temporal.client, { tenant: 'globex', keys: [key] })) expect(one).toBe('in no list');
  // A message of our own client costs no command for it.
  const dueAt = new Date(message.dueAt);
  const posted = await schedule(temporal.client, { topic, tenant, key: nanoid(), dueAt, payload: { note: 'n' } });
  const { workflowId } = posted as { workflowId: string };
  await eventually(async () => {
    const { events } = await temporal.client.workflow.getHandle(workflowId).fetchHistory();
    expect(events?.some((event) => event.timerStartedEventAttributes)).toBe(true);
    expect(events?.some((event) => event.upsertWorkflowSearchAttributesEventAttributes)).toBe(false);
  });
});

it.each<[string, Payload]>([
  ['cannot be decoded', encrypted],
  ['is a text', json('stop')],
  ['is a number', json(7)],
  ['is a list', json([{ commandId: 'c' }])],
  ['has a reason that is no text', json({ reason: { why: 'paid' } })],
])('a cancel that %s is refused and counted; one with nothing in it cancels (the control)', async (_what, input) => {
  const message = effect(HOUR_MS);
  const handle = await startBare(message);
  await sendSignal(handle.workflowId, 'cancel', input);
  await eventually(async () => {
    expect(await handle.query(messageQuery)).toMatchObject({ state: 'waiting', refusals: 1 });
  });
  await sendSignal(handle.workflowId, 'cancel', json(null));
  expect(await handle.result()).toMatchObject({ outcome: 'cancelled' });
});

it('a signal by a name that the SDK keeps for itself is refused and counted, and the next one is obeyed', async () => {
  const message = effect(HOUR_MS);
  const handle = await startBare(message);
  await handle.query(messageQuery);
  await sendSignal(handle.workflowId, '__temporal_odd', json(null));
  await eventually(async () => expect(await handle.query(messageQuery)).toMatchObject({ refusals: 1 }));
  expect(await cancel(temporal.client, message)).toEqual({ result: 'cancelled' });
});

it('a move to a cycle without room, or to seconds, is refused, and what comes after it is obeyed', async () => {
  const message = effect(HOUR_MS, { cycle: 2_000_000_000 });
  const handle = await startBare(message);
  const dueAt = Date.now() + HOUR_MS;
  await sendSignal(handle.workflowId, 'move', json({ dueAt, cycle: 2_147_483_647 }));
  await sendSignal(handle.workflowId, 'move', json({ dueAt: Math.round(dueAt / 1_000) }));
  await sendSignal(handle.workflowId, 'move', json({ dueAt, cycle: null, expectedCycle: null, commandId: null }));
  await eventually(async () => {
    expect(await handle.query(messageQuery)).toMatchObject({ message: { cycle: 2_000_000_001 }, refusals: 0 });
  });
  expect(await cancel(temporal.client, message)).toEqual({ result: 'cancelled' });
});

/** Starts and signals as generated. Resolves with the run; undefined if the server has refused the start. */
async function begin({ workflowId, signals, ...start }: ForeignStart) {
  const { workflowService } = temporal.connection;
  const { namespace } = temporal;
  try {
    const { runId } = await workflowService.startWorkflowExecution({
      namespace,
      workflowId,
      requestId: nanoid(),
      workflowType: { name: 'scheduledMessage' },
      taskQueue: { name: WORKFLOW_TASK_QUEUE },
      input: { payloads: start.input },
      memo: { fields: start.memo },
      searchAttributes: { indexedFields: start.searchAttributes },
      header: { fields: start.header },
    });
    for (const { signalName, input } of signals) {
      const workflowExecution = { workflowId };
      const signal = { namespace, workflowExecution, signalName, requestId: nanoid(), input: { payloads: input } };
      // It may have ended before.
      await workflowService.signalWorkflowExecution(signal).catch((error) => {
        if (!isGrpcServiceError(error) || error.code !== 5) throw error;
      });
    }
    return { workflowId, runId };
  } catch (error) {
    if (isGrpcServiceError(error) && error.code === INVALID_ARGUMENT) return undefined;
    throw error;
  }
}

/** Waits until nothing of a run is to be done: it has ended, or waits for its time or for a worker of its topic. */
const atRest = (start: ForeignStart, execution: { workflowId: string; runId: string }) =>
  eventually(async () => {
    // A message that was moved goes on in another run.
    const described = await temporal.connection.workflowService.describeWorkflowExecution({
      namespace: temporal.namespace,
      execution: { workflowId: execution.workflowId },
    });
    const task = described.pendingWorkflowTask;
    const running = described.workflowExecutionInfo?.status === RUNNING;
    if (running && task) {
      const why = (task.attempt ?? 1) > 1 ? await failureOf(execution.workflowId) : undefined;
      // On a busy machine a task may also run out of time, and is tried again.
      if (why === undefined) throw new Error('its task is on its way');
      return start.newer ? undefined : `its task fails with ${why}: ${readable(start)}`;
    }
    return undefined;
  });

async function failureOf(workflowId: string): Promise<string | undefined> {
  const { events } = await temporal.client.workflow.getHandle(workflowId).fetchHistory();
  return events?.flatMap(({ workflowTaskFailedEventAttributes: failed }) => failed?.failure?.message ?? []).at(-1);
}

async function neighbourLands(): Promise<void> {
  const key = nanoid();
  await schedule(temporal.client, { topic, tenant: 'acme', key, dueAt: Date.now() + 500, payload: { note: 'n' } });
  await eventually(async () => {
    expect(await traces(database.pool, key)).toEqual({ effects: 1, decisions: 1, events: 1 });
  });
}

async function listsAnswer(): Promise<void> {
  for await (const { topic: named, tenant, key } of list(temporal.client, { topic: topic.name })) {
    expect([named, tenant, key]).not.toContain('');
  }
  for await (const _ of findStuckMessages(temporal.client, { topic: topic.name, graceMs: 0 }));
}

it('whatever a stranger starts or signals ends in sight or waits, and its neighbours land', async () => {
  let refusedByServer = 0;
  const ended = { started: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(foreignStart(topic.name), { minLength: AT_ONCE, maxLength: AT_ONCE }), async (starts) => {
      const neighbour = neighbourLands();
      const found = await Promise.all(
        starts.map(async (start) => {
          const run = await begin(start);
          if (!run) refusedByServer += 1;
          else ended.started += 1;
          return run ? await atRest(start, run) : undefined;
        }),
      );
      expect(found.filter((fault) => fault !== undefined)).toEqual([]);
      await neighbour;
      await listsAnswer();
    }),
    { numRuns: Math.ceil(RUNS / AT_ONCE), endOnFailure: true, seed: SEED },
  );
  // Most of them have reached the workflow.
  expect(ended.started).toBeGreaterThan(refusedByServer);
}, 900_000);
