import { progressOf } from '../../src/maintenance/in-progress';

const NOW = 1_000_000_000;
const LOST_AFTER_MS = 60_000;
const at = (agoMs: number) => ({ seconds: Math.floor((NOW - agoMs) / 1_000), nanos: 0 });
const HEARTBEAT = { heartbeatTimeout: { seconds: 40 }, startToCloseTimeout: { seconds: 3_610 } };

type Raw = Parameters<typeof progressOf>[0]['raw'];
function found(pending: object, info: object = {}) {
  const running = { status: 1, startTime: at(9e6), executionTime: at(9e6), ...info };
  // Numbers for what the wire has as 64-bit ones.
  const raw = { workflowExecutionInfo: running, ...pending } as unknown as Raw;
  return progressOf({ raw }, { now: NOW, lostAfterMs: LOST_AFTER_MS });
}
const activity = (fields: object) => ({ pendingActivities: [{ state: 2, activityOptions: HEARTBEAT, ...fields }] });

it.each([
  ['it has ended', found({}, { status: 2 }), { state: 'closed' }],
  ['it sleeps', found({}), { state: 'idle', isStartDelayed: false }],
  ['its first task was put off', found({}, { executionTime: at(8e6) }), { state: 'idle', isStartDelayed: true }],
  ['its delivery was begun a moment ago', found(activity({ lastStartedTime: at(90_000) })), { state: 'inProgress' }],
  [
    'its delivery has been silent for its time-out, and a minute more',
    found(activity({ lastStartedTime: at(101_000) })),
    { state: 'lost' },
  ],
  [
    'its delivery has given a sign of life since',
    found(activity({ lastStartedTime: at(500_000), lastHeartbeatTime: at(50_000) })),
    { state: 'inProgress' },
  ],
  [
    'its cancel, which gives no signs, has had its time',
    found(activity({ lastStartedTime: at(91_000), activityOptions: { startToCloseTimeout: { seconds: 30 } } })),
    { state: 'lost' },
  ],
  [
    'its delivery is to be tried again a little later',
    found(activity({ state: 1, attempt: 3, scheduledTime: at(-10_000) })),
    { state: 'inProgress' },
  ],
  [
    'nobody takes its delivery',
    found(activity({ state: 1, scheduledTime: at(61_000) })),
    { state: 'lost', queue: 'deliveries' },
  ],
  [
    'a worker is at its task',
    found({ pendingWorkflowTask: { state: 2, startedTime: at(69_000) } }),
    { state: 'inProgress' },
  ],
  ['a worker had its task', found({ pendingWorkflowTask: { state: 2, startedTime: at(71_000) } }), { state: 'lost' }],
  [
    'its task waits in a queue',
    found({ pendingWorkflowTask: { state: 1, scheduledTime: at(71_000) } }),
    { state: 'lost', queue: 'workflows' },
  ],
  [
    'a server that does not tell the time-outs',
    found(activity({ lastStartedTime: at(3_600_000), activityOptions: undefined })),
    { state: 'inProgress' },
  ],
])('%s', (_, seen, expected) => {
  expect(seen).toEqual(expected);
});
