import { randomUUID } from 'node:crypto';
import { type Client, defaultPayloadConverter } from '@temporalio/client';
import type { Payload } from '@temporalio/common';
import { withClient } from '../../local/databases';
import { searchAttributesOf, WORKFLOW_TASK_QUEUE, workflowIdOf } from '../../src/message/contract';
import { TENANT as OTHERS } from '../checks/evidence';
import type { StrangeAct } from '../plan/stranger-plan';
import { beat } from '../programs/beat';
import { ODD_NAMES, oddTopic } from './odd-topic';
import { signalWaiting } from './signal-waiting';

const STRANGER = 'stranger';
// One alone could be a message that ends otherwise before it is due.
const SIGNALLED_AT_ONCE = 10;

const BULK = 100;
const SOON_MS = 5_000;
const FAR_OFF_MS = 3_600_000;
const HUGE = 'x'.repeat(1_500_000);

/** As a client writes it that encrypts; no worker here can read it. */
const unreadable = (): Payload => ({
  metadata: { encoding: new TextEncoder().encode('binary/encrypted') },
  data: new TextEncoder().encode(randomUUID()),
});

/** A stranger's hands: what each act does to a running system, past every check of our own client. */
export function createStranger({ client, databaseUrl }: { client: Client; databaseUrl: string }) {
  let nth = 0;
  const refOf = (topic: string) => ({ topic, tenant: STRANGER, key: `s-${String(nth).padStart(5, '0')}` });
  const messageOf = (topic = beat.name) => ({
    v: 1 as const,
    ...refOf(topic),
    cycle: 1,
    dueAt: Date.now() + SOON_MS,
    leadMs: 2_000,
    payload: { temper: 'sound' },
  });

  /** Starts the workflow as a client in any language can: with these arguments, whatever they are. */
  async function start(arg: unknown, { id = workflowIdOf(messageOf()), attributes = true, memo = {} } = {}) {
    await client.workflow.start('scheduledMessage', {
      workflowId: id,
      taskQueue: WORKFLOW_TASK_QUEUE,
      args: [arg],
      memo,
      ...(attributes ? { typedSearchAttributes: searchAttributesOf(messageOf()) } : {}),
    });
  }

  /** As `start`, with payloads that no data converter of ours has written. */
  async function startRaw({ input, memo }: { input: Payload; memo?: Payload }) {
    await client.workflowService.startWorkflowExecution({
      namespace: client.options.namespace,
      workflowId: workflowIdOf(messageOf()),
      workflowType: { name: 'scheduledMessage' },
      taskQueue: { name: WORKFLOW_TASK_QUEUE },
      requestId: randomUUID(),
      identity: STRANGER,
      input: { payloads: [input] },
      memo: memo && { fields: { commandId: memo } },
    });
  }

  const signalOthers = (signalName: string, input: () => Payload, count = SIGNALLED_AT_ONCE) =>
    signalWaiting(client, { tenant: OTHERS, from: nth, count }, { signalName, input, identity: STRANGER });
  const inSql = (text: string, values: unknown[] = []) => withClient(databaseUrl, (db) => db.query(text, values));

  const acts: Record<StrangeAct, () => Promise<unknown>> = {
    startWithNulls: () =>
      start({
        ...messageOf(),
        staleAfterMs: null,
        repeat: null,
        payloadVersion: null,
        traceparent: null,
        postId: null,
      }),
    startWithNonsense: () => start([{ topic: 7, dueAt: {}, cycle: 'one', payload: '\ud800\0' }, null, 'x'][nth % 3]),
    startInSeconds: () => start({ ...messageOf(), dueAt: Math.floor(Date.now() / 1_000) + 5 }),
    // Under a name of its own, with a message of the other tenant inside.
    startForAnother: () => start({ ...messageOf(), tenant: OTHERS }),
    startUnreadable: () => startRaw({ input: unreadable() }),
    startWithUnreadableMemo: () =>
      startRaw({ input: defaultPayloadConverter.toPayload(messageOf()), memo: unreadable() }),
    startHuge: () => start({ ...messageOf(), payload: { temper: HUGE } }),
    startWithoutAttributes: () => start(messageOf(), { attributes: false }),
    signalUnreadable: () => signalOthers('cancel', unreadable),
    // Nothing at all would be a cancel, as the Web UI sends it.
    signalNonsense() {
      const nonsense = [{ commandId: 7, dueAt: 'soon', cycle: null }, 7, HUGE][nth % 3];
      const signalName = ['move', 'cancel'][nth % 2] as string;
      // What is huge would keep the server from everything else if ten were sent it.
      const count = nonsense === HUGE ? 1 : SIGNALLED_AT_ONCE;
      return signalOthers(signalName, () => defaultPayloadConverter.toPayload(nonsense), count);
    },
    // Each of them: one alone may be one that a broken release still takes.
    throwOddly: () =>
      Promise.all(
        ODD_NAMES.map((throws) => {
          const message = {
            ...messageOf(oddTopic.name),
            key: `${refOf(oddTopic.name).key}-${throws}`,
            payload: { throws },
          };
          return start(message, { id: workflowIdOf(message) });
        }),
      ),
    // Far off: what they cost is their dispatching.
    commandsInBulk: () =>
      inSql(
        `select postdate.schedule($1, $2, $3 || '-' || nth, to_timestamp($4::float8 / 1000), '{"temper": "sound"}')
           from generate_series(1, $5::int) as nth`,
        [beat.name, STRANGER, refOf(beat.name).key, Date.now() + FAR_OFF_MS, BULK],
      ),
    commandsOutOfBounds: () =>
      inSql(
        `select postdate.schedule($1, $2, $3, to_timestamp($4::float8 / 1000), '{"temper": "no such", "n": 12345678}')`,
        [beat.name, STRANGER, refOf(beat.name).key, Date.now() + SOON_MS],
      ),
    // Its only years are long over and long to come.
    seriesWithoutEnd: () =>
      start({
        ...messageOf(),
        repeat: { cron: '0 0 1 1 * 2090', startAt: Date.now() + SOON_MS, at: Date.now() + SOON_MS, done: 0 },
      }),
  };

  /** Does one act; false if the system could not be reached, or refused it. */
  return async (act: StrangeAct): Promise<boolean> => {
    nth += 1;
    try {
      await acts[act]();
      return true;
    } catch {
      // Servers are away at times, and a refusal is what a stranger may well get.
      return false;
    }
  };
}
