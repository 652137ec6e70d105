import type { Client } from '@temporalio/client';
import { nanoid } from 'nanoid';
import { z } from 'zod';
import { schedule } from '../../src/client';
import {
  type ScheduledMessage,
  searchAttributesOf,
  WORKFLOW_TASK_QUEUE,
  workflowIdOf,
} from '../../src/message/contract';
import { messageOf } from '../../src/producing/post';
import { defineTopic } from '../../src/topics/define-topic';
import { done } from '../../src/topics/topic';
import type { scheduledMessage } from '../../src/workflows';

const YEAR_MS = 365 * 86_400_000;

/** Never delivered here: only its name and payload schema are used. */
export const invoiceTopic = defineTopic({
  name: 'bench.schedule',
  payload: z.object({ customer: z.string(), amount: z.string() }),
  handle: async () => done,
});

/** A way to start one workflow that waits for a year. */
export interface StartForm {
  name: string;
  start(client: Client): Promise<unknown>;
}

const post = () => ({
  topic: invoiceTopic,
  tenant: 'acme',
  key: nanoid(),
  dueAt: Date.now() + YEAR_MS,
  payload: { customer: 'customer-4711', amount: '127.95' },
});

// Made once and without the checks that `schedule` makes: they are part of what is compared.
const { topic, v, leadMs } = messageOf(post());
const bareMessage = (): ScheduledMessage => ({ v, leadMs, ...post(), cycle: 1, topic });

/** The product's call, and the SDK's own with the same arguments: once with the same options and once with none. */
export const startForms: StartForm[] = [
  {
    name: 'postdate schedule()',
    async start(client) {
      const { result } = await schedule(client, post());
      if (result !== 'scheduled') throw new Error(`the message was ${result}`);
    },
  },
  {
    name: 'workflow.start, same options',
    start(client) {
      const message = bareMessage();
      return client.workflow.start<typeof scheduledMessage>('scheduledMessage', {
        workflowId: workflowIdOf(message),
        taskQueue: WORKFLOW_TASK_QUEUE,
        args: [message],
        workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        workflowIdConflictPolicy: 'FAIL',
        memo: { commandId: nanoid(), cycle: message.cycle },
        typedSearchAttributes: searchAttributesOf(message),
        staticSummary: `${message.topic} for ${message.tenant} / ${message.key}`,
      });
    },
  },
  {
    name: 'workflow.start, no options',
    start(client) {
      const message = bareMessage();
      return client.workflow.start<typeof scheduledMessage>('scheduledMessage', {
        workflowId: workflowIdOf(message),
        taskQueue: WORKFLOW_TASK_QUEUE,
        args: [message],
      });
    },
  },
];
