import type { Pool } from 'pg';
import { countWaiting } from '../counts';
import type { LaneRequest } from '../lanes/lane-request';
import { type Overtaken, type PreparedChange, prepareChange } from '../lanes/prepare-change';
import { SCAN_LIMITS } from '../lanes/scan-waiting';
import type { Topic } from '../topic';
import { confirmed } from './confirm';
import { withClient, withPool } from './connections';
import type { ExitCode } from './exit';
import { dryRunInWords, overtakenInWords } from './lane-words';
import { print, printJson } from './output';
import { withProgress } from './progress';

interface How {
  dryRun?: boolean;
  yes?: boolean;
  json?: boolean;
}

/** Shows what a request would do, or has it done: after a question where it is drastic and nobody has said yes before. */
export const changeOrShow = (topic: Topic, request: LaneRequest, how: How): Promise<ExitCode> =>
  withPool(async (pool) => {
    // With --yes nothing is asked, so nothing is looked at, and Temporal may be away.
    const prepared =
      how.yes && !how.dryRun ? await prepareChange(pool, topic, request) : await look(pool, topic, request, how);
    if (prepared.result === 'overtaken') return sayOvertaken(prepared, how);
    return how.dryRun ? show(request, prepared, how) : make(request, prepared, how);
  });

/** As above where nothing is ever drastic, and there is nothing to look at. */
export const changeAtOnce = (topic: Topic, request: LaneRequest, how: How): Promise<ExitCode> =>
  changeOrShow(topic, request, { json: how.json, yes: true });

async function look(
  pool: Pool,
  topic: Topic,
  request: LaneRequest,
  { json }: How,
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

function show({ lane }: LaneRequest, prepared: PreparedChange, { json }: How): ExitCode {
  const { version, dryRun: found, drastic, toBeKnown } = prepared;
  if (json) printJson({ result: 'dryRun', version, ...found, drastic, toBeKnown });
  else print(dryRunInWords(lane, found, prepared));
  return 0;
}

async function make(request: LaneRequest, prepared: PreparedChange, { yes, json }: How): Promise<ExitCode> {
  const { dryRun: found, drastic, toBeKnown } = prepared;
  const { topic, lane, what } = request;
  if (drastic.length > 0 && !yes && !(await confirmed(drastic, json))) {
    print('nothing is changed');
    return 1;
  }
  const made = await prepared.apply();
  if (made.result === 'overtaken') return sayOvertaken(made, { json });
  if (json) printJson({ ...made, ...found, drastic, toBeKnown });
  else {
    const taken = found ? `: takes ${found.caught} of ${found.lookedAt} that wait` : '';
    print(`${SAID[what]}  ${lane} of ${topic}${taken}  version ${made.version}`);
    for (const one of [...(yes ? drastic : []), ...toBeKnown]) print(`note: ${one}`);
  }
  return 0;
}

const SAID = { set: 'set', ramp: 'ramped', stop: 'stopped' };

function sayOvertaken(overtaken: Overtaken, { json }: How): ExitCode {
  if (json) printJson(overtaken);
  else print(overtakenInWords(overtaken));
  return 1;
}
