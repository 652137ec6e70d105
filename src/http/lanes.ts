import type { LaneLimits, LaneMatch } from '../delivery/lanes/lane';
import { readLaneHistory } from '../delivery/lanes/lane-history';
import { admitRequest, type LaneRequest } from '../delivery/lanes/lane-request';
import { type Overtaken, prepareChange } from '../delivery/lanes/prepare-change';
import { readTopicLanes } from '../delivery/lanes/topic-lanes';
import { MessageError } from '../message/admission';
import type { Topic } from '../topics/topic';
import type { Caller } from './keys';
import * as schemas from './lane-schemas';
import { problem } from './problems';
import { refused } from './responses';
import { type Answer, defineRoute, type Route, type RouteParts } from './route';

interface Authorship {
  author?: unknown;
  reason?: unknown;
  ifVersion?: number;
}

/** The API's operations on lanes. A lane concerns all tenants, so only operators' keys may use them. */
export function laneRoutes(parts: RouteParts): Route[] {
  const { pool, topics } = parts;
  const known = { params: schemas.laneRef, operatorsOnly: true } as const;
  const judged = { answers: { 200: schemas.laneChanged.or(schemas.laneDryRun) }, conflicts: true } as const;
  const path = '/v1/lanes/{topic}/{lane}';
  return [
    defineRoute({
      method: 'GET',
      path: '/v1/lanes',
      operationId: 'lanes',
      summary: 'The lanes of topics: who serves them, their rules, and how they do',
      operatorsOnly: true,
      query: schemas.laneSelection,
      answers: { 200: schemas.lanes },
      async run({ query: { topic } }) {
        if (topic !== undefined) requireTopic(topics, topic);
        const names = topics.map(({ name }) => name);
        return { status: 200, body: { topics: await readTopicLanes(pool, names, topic) } };
      },
    }),
    defineRoute({
      ...known,
      method: 'GET',
      path: `${path}/history`,
      operationId: 'laneHistory',
      summary: 'Who has changed a lane, and why, the latest change first',
      query: schemas.historyQuery,
      answers: { 200: schemas.history },
      async run({ params: { topic, lane }, query: { limit } }) {
        requireTopic(topics, topic);
        return { status: 200, body: { changes: await readLaneHistory(pool, { topic, lane, limit }) } };
      },
    }),
    defineRoute({
      ...known,
      ...judged,
      method: 'POST',
      path,
      operationId: 'setLane',
      summary: 'Says what a lane takes; makes the lane if there is none',
      body: schemas.laneSet,
      run({ caller, params, body: { mode, rules, first, limits, ...body } }) {
        const set = { mode, rules: rules as LaneMatch[] | undefined, first, limits: limits as Partial<LaneLimits> };
        return changeLane(parts, { ...set, ...params, ...authorshipOf(caller, body), what: 'set' }, body);
      },
    }),
    defineRoute({
      ...known,
      ...judged,
      method: 'POST',
      path: `${path}/ramp`,
      operationId: 'rampLane',
      summary: 'Has a lane take a percentage, at once or in steps, beside its other rules',
      body: schemas.laneRampTo,
      run({ caller, params, body: { percent, steps = [], everySeconds, by, ...body } }) {
        const all = (percent === undefined ? steps : [percent, ...steps]) as number[];
        const ramp = { steps: all, everySeconds: everySeconds as number | undefined, by };
        return changeLane(parts, { ...ramp, ...params, ...authorshipOf(caller, body), what: 'ramp' }, body);
      },
    }),
    defineRoute({
      ...known,
      method: 'POST',
      path: `${path}/stop`,
      operationId: 'stopLane',
      summary: 'Sends all that a lane takes to stable, at once',
      body: schemas.laneStop,
      answers: { 200: schemas.laneChanged },
      conflicts: true,
      run({ caller, params, body }) {
        return changeLane(parts, { ...params, ...authorshipOf(caller, body), what: 'stop' }, { confirm: true });
      },
    }),
  ];
}

function requireTopic(topics: Topic[], topic: string): void {
  if (topics.some(({ name }) => name === topic)) return;
  throw new MessageError({ code: 'unknownTopic', field: 'topic', message: 'is not installed here' });
}

/**
 * The author and the reason that the history records. An author given in the body is recorded together with the API
 * key.
 */
function authorshipOf({ keyId }: Caller, { author, reason = 'by an operator', ifVersion }: Authorship) {
  const key = `API key ${keyId}`;
  // Any other value is passed on, and refused with the request.
  const said = typeof author === 'string' && author.trim() !== '' ? `${author} (${key})` : author;
  return { author: (author === undefined ? key : said) as string, reason: reason as string, ifVersion };
}

async function changeLane(
  { client, pool, topics }: RouteParts,
  request: LaneRequest,
  { dryRun, confirm }: { dryRun?: boolean; confirm?: boolean },
): Promise<Answer> {
  const topic = admitRequest(request, topics);
  const prepared = await prepareChange(pool, topic, request, confirm && !dryRun ? undefined : { client });
  if (prepared.result === 'overtaken') return overtaken(prepared);
  const { version, dryRun: found, drastic, toBeKnown } = prepared;
  const said = { ...found, drastic, toBeKnown };
  if (dryRun) return { status: 200, body: { result: 'dryRun', version, ...said } };
  if (drastic.length > 0 && !confirm) {
    return refused(problem('unconfirmed', `${drastic.join('; ')}.`, { version, ...said }));
  }
  const made = await prepared.apply();
  return made.result === 'overtaken' ? overtaken(made) : { status: 200, body: { ...made, ...said } };
}

const overtaken = ({ version, by }: Overtaken) =>
  refused(
    problem('overtaken', 'The lanes of this topic have changed meanwhile; this request has changed nothing.', {
      version,
      by,
    }),
  );
