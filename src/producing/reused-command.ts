import { isDeepStrictEqual } from 'node:util';
import type { Client } from '@temporalio/client';
import { type Repeat, type ScheduledMessage, workflowIdOf } from '../message/contract';
import { OPTIONAL_NAMES } from '../message/optional-fields';
import type { Refusal } from '../message/refusal';
import { describeRecord } from './run-records';
import { createWaiting } from './waiting-runs';

/**
 * Why a post is not the one that its command id was used for: a field has another value. Undefined if it is the same, or
 * if Temporal does not know the first one any more.
 */
export async function refuseReuse(
  client: Client,
  message: ScheduledMessage,
  { namesCycle }: { namesCycle: boolean },
): Promise<Refusal | undefined> {
  const first = await firstPostOf(client, message);
  if (!first) return undefined;
  // A dispatcher of another release has brought the payload into another form.
  const inOneForm = first.payloadVersion === message.payloadVersion;
  const fields = [
    ...(['dueAt', ...OPTIONAL_NAMES] as const),
    ...(namesCycle ? (['cycle'] as const) : []),
    ...(inOneForm ? (['payload'] as const) : []),
  ];
  const field = fields.find((name) => !isSame(first[name], message[name]));
  if (!field && isSame(seriesOf(first.repeat), seriesOf(message.repeat))) return undefined;
  const problem = 'was another one when this command id was used first';
  return { code: 'commandIdReused', field: field ?? 'repeat', message: problem };
}

/** The message as it was posted: the input of the first of its runs. */
async function firstPostOf(client: Client, message: ScheduledMessage): Promise<ScheduledMessage | undefined> {
  const workflowId = workflowIdOf(message);
  try {
    const runId = (await describeRecord(client, { workflowId }))?.workflowExecutionInfo?.firstRunId;
    return runId ? await createWaiting(client).messageOf({ workflowId, runId }) : undefined;
  } catch {
    // Its first run is older than Temporal's retention, or another codec wrote it. The command has been carried out
    // either way, and the answer is the same without this check.
    return undefined;
  }
}

// As JSON, which is how the first one was kept.
const isSame = (one: unknown, other: unknown): boolean => isDeepStrictEqual(asJson(one), asJson(other));
const asJson = (value: unknown): unknown => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)));

/** What a producer says of a series, without where it is now. */
const seriesOf = (repeat: Repeat | undefined) => repeat && { ...repeat, startAt: 0, at: 0, done: 0 };
