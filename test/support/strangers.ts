import { type ScheduledMessage, searchAttributesOf, workflowIdOf } from '../../src/message/contract';
import type { TestTemporal } from './temporal';

/** A payload as any client may send it. */
export interface TestPayload {
  metadata?: Record<string, Uint8Array>;
  data?: Uint8Array;
}

export const jsonPayload = (value: unknown, type?: string): TestPayload => ({
  metadata: { encoding: Buffer.from('json/plain'), ...(type && { type: Buffer.from(type) }) },
  data: Buffer.from(JSON.stringify(value) ?? 'null'),
});

/** What a producer's codec has encrypted, and a worker without that codec cannot read. */
export const unreadablePayload: TestPayload = {
  metadata: { encoding: Buffer.from('binary/encrypted') },
  data: Buffer.from('secret'),
};

interface Foreign {
  workflowId?: string;
  taskQueue?: string;
  input?: TestPayload[];
  memo?: Record<string, TestPayload>;
  attributes?: Record<string, TestPayload>;
  summary?: TestPayload;
}

/** Starts a message's workflow as a client of any language may, with anything in place of what ours would send. */
export async function startForeign(
  { client, namespace }: TestTemporal,
  message: ScheduledMessage,
  { workflowId = workflowIdOf(message), taskQueue = 'postdate', input, memo, attributes, summary }: Foreign = {},
): Promise<{ workflowId: string; runId: string }> {
  const ours = searchAttributesOf(message).map(({ key: { name, type }, value }) => {
    const said =
      value instanceof Date ? jsonPayload(value, 'Datetime') : jsonPayload(value, type === 'KEYWORD' ? 'Keyword' : '');
    return [name, said];
  });
  const { runId } = await client.workflowService.startWorkflowExecution({
    namespace,
    workflowId,
    requestId: workflowId,
    workflowType: { name: 'scheduledMessage' },
    taskQueue: { name: taskQueue },
    input: { payloads: input ?? [jsonPayload(message)] },
    memo: { fields: memo ?? { cycle: jsonPayload(message.cycle), commandId: jsonPayload('c-1') } },
    searchAttributes: { indexedFields: { ...Object.fromEntries(ours), ...attributes } },
    userMetadata: summary && { summary, details: summary },
  });
  return { workflowId, runId };
}
