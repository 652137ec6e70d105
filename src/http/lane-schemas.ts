import { z } from 'zod';
import {
  LANE_CHANGES,
  LANE_MODES,
  laneLimits,
  laneMatch,
  laneRamp,
  PERCENT_OF,
  SETTABLE_MODES,
} from '../delivery/lanes/lane';
import { MAX_RULES } from '../delivery/lanes/lane-request';
import { MAX_LISTED } from './limits';
import { instant, named, part } from './shapes';

// The schemas of the lanes' operations. They only describe rules, limits and texts: every edge checks those with the
// request as a whole, in lanes/lane-request.ts.

const count = z.number().min(0);
const version = z.int().min(0).describe("of the topic's lanes: raised by every change of them");
const lane = z.string().max(40).describe('stable, or the name of another lane');
const text = (maxLength: number, description: string) =>
  z.unknown().meta({ type: 'string', minLength: 1, maxLength, description });
const percent = z.unknown().meta({ type: 'number', minimum: 0, maximum: 100 });

laneMatch.register(named, { id: 'LaneMatch' });
laneLimits.register(named, { id: 'LaneLimits' });
laneRamp.register(named, { id: 'LaneRamp' });

export const laneRef = z.strictObject({ topic: part, lane });
export const laneSelection = z.strictObject({ topic: part.optional() });
export const historyQuery = z.strictObject({ limit: z.coerce.number().int().min(1).max(MAX_LISTED).default(50) });

const change = {
  author: text(150, 'who wants it; beside the id of the API key, which is written down in any case').optional(),
  ifVersion: version.optional().describe('changes nothing if the lanes are not at this version any more'),
};
const judged = {
  dryRun: z.boolean().optional().describe('changes nothing, and answers what it would catch'),
  confirm: z.boolean().optional().describe('it is meant, even if it is drastic; nothing is looked at'),
};

export const laneSet = z
  .strictObject({
    ...change,
    ...judged,
    reason: text(500, 'why, for the record'),
    mode: z.enum(SETTABLE_MODES).optional(),
    rules: z
      .array(z.unknown().meta({ $ref: '#/components/schemas/LaneMatch' }))
      .max(MAX_RULES)
      .optional()
      .describe('in the place of those that it has'),
    first: z.boolean().optional().describe("before all of the topic's other rules"),
    limits: z.unknown().meta({ $ref: '#/components/schemas/LaneLimits' }).optional(),
  })
  .register(named, { id: 'LaneSet' });

export const laneRampTo = z
  .strictObject({
    ...change,
    ...judged,
    reason: text(500, 'why, for the record').optional(),
    percent: percent.optional().describe('at once; one of percent and steps'),
    steps: z
      .array(percent)
      .max(MAX_RULES)
      .optional()
      .describe('the first at once, each of the others while it is healthy'),
    everySeconds: z.unknown().meta({ type: 'integer', minimum: 1, description: 'how long each step lasts' }).optional(),
    by: z.enum(PERCENT_OF).optional().describe('default: as it is, else tenant'),
  })
  .register(named, { id: 'LaneRampTo' });

export const laneStop = z
  .strictObject({ ...change, reason: text(500, 'why, for the record').optional() })
  .register(named, { id: 'LaneStop' });

const found = {
  waiting: count.optional().describe('messages of the topic that wait'),
  lookedAt: count.optional().describe('so many of them, and what follows is of these'),
  caught: count.optional().describe('that the lane would take'),
  leaveStable: count.optional().describe('that stable has now and would not have then'),
  tenants: z.array(z.strictObject({ tenant: z.string(), waiting: count })).optional(),
  tenantsCaught: count.optional(),
  drastic: z.array(z.string()).describe('what had to be confirmed'),
  toBeKnown: z.array(z.string()),
};
export const laneChanged = z
  .strictObject({ result: z.literal('changed'), version, changeId: z.number(), ...found })
  .register(named, { id: 'LaneChanged' });
export const laneDryRun = z
  .strictObject({ result: z.literal('dryRun'), version, ...found })
  .register(named, { id: 'LaneDryRun' });

const rule = z.strictObject({
  id: z.number(),
  place: z.int(),
  lane: z.string(),
  match: laneMatch,
  reason: z.string(),
  author: z.string(),
});
const laneState = z.strictObject({
  lane: z.string(),
  mode: z.enum([...LANE_MODES, 'unset']).describe('unset: workers serve it, and nobody has set it'),
  workers: count.describe('live ones'),
  builds: z.array(z.string()),
  limits: laneLimits.optional(),
  ramp: laneRamp.optional(),
  windowSeconds: count,
  landed: count.describe('in this window'),
  failed: count,
  lateP99Ms: count.optional(),
});
const topicLanes = z.strictObject({
  topic: z.string(),
  version,
  lanes: z.array(laneState),
  rules: z.array(rule).describe('in the order in which they are asked'),
  malformed: z
    .array(z.strictObject({ id: z.number(), lane: z.string(), why: z.string() }))
    .describe('rules that cannot be read, and are skipped'),
});
export const lanes = z.strictObject({ topics: z.array(topicLanes) }).register(named, { id: 'Lanes' });

const state = z.looseObject({}).describe('mode, limits, ramp and rules');
export const history = z
  .strictObject({
    changes: z.array(
      z.strictObject({
        id: z.number(),
        topic: z.string(),
        lane: z.string(),
        what: z.enum(LANE_CHANGES),
        version: z.number(),
        author: z.string(),
        reason: z.string(),
        changedAt: instant,
        before: state,
        after: state,
      }),
    ),
  })
  .register(named, { id: 'LaneHistory' });
