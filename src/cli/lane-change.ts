import type { Pool } from 'pg';
import type { LaneRequest } from '../delivery/lanes/lane-request';
import { type Overtaken, type PreparedChange, prepareChange } from '../delivery/lanes/prepare-change';
import { SCAN_LIMITS } from '../delivery/lanes/scan-waiting';
import { countWaiting } from '../producing/counts';
import type { Topic } from '../topics/topic';
import { confirmed } from './confirm';
import { withClient, withPool } from './connections';
import type { ExitCode } from './exit';
import { dryRunText, overtakenText } from './lane-text';
import { print, printJson } from './output';
import { withProgress } from './progress';

interface ChangeOptions {
  dryRun?: boolean;
  yes?: boolean;
  json?: boolean;
}

/**
 * Makes the requested change, or with `dryRun` only shows its effect. A drastic change needs a yes: by `--yes`, or as
 * the answer to a question.
 */
export const changeOrDryRun = (topic: Topic, request: LaneRequest, how: ChangeOptions): Promise<ExitCode> =>
  withPool(async (pool) => {
    // With --yes there is no question, so no waiting messages are examined, and Temporal may be away.
    const prepared =
      how.yes && !how.dryRun
        ? await prepareChange(pool, topic, request)
        : await prepareWithProgress(pool, topic, request, how);
    if (prepared.result === 'overtaken') return printOvertaken(prepared, how);
    return how.dryRun ? show(request, prepared, how) : make(request, prepared, how);
  });

/** For a change that is never drastic: it examines no messages and asks no question. */
export const changeWithoutAsking = (topic: Topic, request: LaneRequest, how: ChangeOptions): Promise<ExitCode> =>
  changeOrDryRun(topic, request, { json: how.json, yes: true });

async function prepareWithProgress(
  pool: Pool,
  topic: Topic,
  request: LaneRequest,
  { json }: ChangeOptions,
): Promise<PreparedChange | Overtaken> {
  let prepared: PreparedChange | Overtaken | undefined;
  await withClient(async (client) => {
    prepared = await withProgress({ json }, async (progress) => {
      if (progress) {
        const waiting = await countWaiting(client, { topic: topic.name });
        progress.begin('looking at what waits', Math.min(waiting, SCAN_LIMITS.messages));
      }
      return prepareChange(pool, topic, request, { client, onProgress: progress?.done });
    });
    return 0;
  });
  return prepared as PreparedChange | Overtaken;
}

function show({ lane }: LaneRequest, prepared: PreparedChange, { json }: ChangeOptions): ExitCode {
  const { version, dryRun: found, drastic, toBeKnown } = prepared;
  if (json) printJson({ result: 'dryRun', version, ...found, drastic, toBeKnown });
  else print(dryRunText(lane, found, prepared));
  return 0;
}

async function make(request: LaneRequest, prepared: PreparedChange, { yes, json }: ChangeOptions): Promise<ExitCode> {
  const { dryRun: found, drastic, toBeKnown } = prepared;
  const { topic, lane, what } = request;
  if (drastic.length > 0 && !yes && !(await confirmed(drastic, json))) {
    print('nothing is changed');
    return 1;
  }
  const made = await prepared.apply();
  if (made.result === 'overtaken') return printOvertaken(made, { json });
  if (json) printJson({ ...made, ...found, drastic, toBeKnown });
  else {
    const taken = found ? `: takes ${found.caught} of ${found.lookedAt} that wait` : '';
    print(`${DONE_TEXT[what]}  ${lane} of ${topic}${taken}  version ${made.version}`);
    for (const one of [...(yes ? drastic : []), ...toBeKnown]) print(`note: ${one}`);
  }
  return 0;
}

const DONE_TEXT = { set: 'set', ramp: 'ramped', stop: 'stopped' };

function printOvertaken(overtaken: Overtaken, { json }: ChangeOptions): ExitCode {
  if (json) printJson(overtaken);
  else print(overtakenText(overtaken));
  return 1;
}
