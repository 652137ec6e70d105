import { MessageError, PART, type Refusal } from '../admission';
import type { Topic } from '../topic';
import { leadMsOf } from '../topic-limits';
import {
  type LaneLimits,
  type LaneMatch,
  laneLimits,
  laneMatch,
  laneRamp,
  type PercentOf,
  refuseLaneName,
  type SettableMode,
  STABLE,
} from './lane';

// Who woke last must still have the time to be given to another lane, and back.
const SHORTEST_LEAD_MS = 5_000;
// As much as one line of a table shows, several times over.
const LONGEST_REASON = 500;
const LONGEST_AUTHOR = 200;
// Each is asked of each message that wakes.
export const MOST_RULES = 100;

interface Named {
  topic: string;
  lane: string;
  author: string;
  reason: string;
  /** Changes nothing unless the topic's lanes are still at this version: what whoever asks was shown. */
  ifVersion?: number;
}
export type SetRequest = Named & {
  what: 'set';
  mode?: SettableMode;
  /** In the place of those that the lane has; none at all takes nothing. */
  rules?: LaneMatch[];
  first?: boolean;
  limits?: Partial<LaneLimits>;
};
/** A percentage at once, or in steps: the first one now, each of the others after so many seconds while the lane is healthy. */
export type RampRequest = Named & { what: 'ramp'; steps: number[]; everySeconds?: number; by?: PercentOf };
export type StopRequest = Named & { what: 'stop' };

/** What an operator wants of a lane, from whatever edge. */
export type LaneRequest = SetRequest | RampRequest | StopRequest;

/** The topic of a request that could be obeyed. Throws a `MessageError` that names the field at fault. */
export function admitRequest(request: LaneRequest, topics: Topic[]): Topic {
  const topic = topics.find(({ name }) => name === request.topic);
  const refusal = topic
    ? (refuseLead(topic) ?? refuseLaneName(request.lane) ?? refuseWords(request) ?? refuseWhat(request))
    : ({ code: 'unknownTopic', field: 'topic', message: 'is not installed here' } as const);
  if (!topic || refusal) throw new MessageError(refusal as Refusal);
  return topic;
}

function refuseLead(topic: Topic): Refusal | undefined {
  if (leadMsOf(topic) >= SHORTEST_LEAD_MS) return undefined;
  const message = `has a lead of ${leadMsOf(topic)} ms; lanes need ${SHORTEST_LEAD_MS} ms or more`;
  return { code: 'invalidLane', field: 'topic', message };
}

function refuseWords({ reason, author }: LaneRequest): Refusal | undefined {
  if (!isText(reason, LONGEST_REASON))
    return { code: 'invalidReason', field: 'reason', message: `must have 1 to ${LONGEST_REASON} characters` };
  if (!isText(author, LONGEST_AUTHOR))
    return { code: 'invalidLabel', field: 'author', message: `must have 1 to ${LONGEST_AUTHOR} characters` };
  return undefined;
}

const isText = (text: unknown, longest: number) =>
  typeof text === 'string' && text.trim() !== '' && text.length <= longest;

function refuseWhat(request: LaneRequest): Refusal | undefined {
  const { what, lane } = request;
  if (lane === STABLE && (what !== 'set' || request.mode !== undefined || request.limits !== undefined)) {
    return { code: 'invalidLane', field: 'lane', message: 'stable is always live, and has rules only' };
  }
  if (what === 'stop') return undefined;
  if (what === 'ramp') return refuseSteps(request);
  const { rules, first, mode, limits } = request;
  if (rules === undefined && mode === undefined && limits === undefined) {
    return { code: 'invalidLaneRule', field: 'rules', message: 'must be there, or a mode, or limits' };
  }
  if (first && !rules?.length) return { code: 'invalidLaneRule', field: 'first', message: 'is for rules' };
  if ((rules?.length ?? 0) > MOST_RULES) {
    return { code: 'invalidLaneRule', field: 'rules', message: `must be ${MOST_RULES} at most` };
  }
  return refuseLimits(limits) ?? rules?.map((rule, place) => refuseMatch(rule, `rules.${place}`)).find(Boolean);
}

function refuseSteps({ steps, everySeconds, by = 'tenant' }: RampRequest): Refusal | undefined {
  const refusal = (field: string, message: string): Refusal => ({ code: 'invalidLaneRule', field, message });
  const [first, ...others] = steps;
  if (steps.length === 0) return refusal('percent', 'must be there, or steps');
  const rule = refuseMatch({ percent: first, by }, 'percent');
  if (rule) return rule;
  if (others.length === 0) {
    return everySeconds === undefined ? undefined : refusal('everySeconds', 'is for two steps or more');
  }
  if (steps.some((step, place) => !(step > 0 && step > (steps[place - 1] ?? 0))))
    return refusal('steps', 'must be percentages above 0, each above the one before');
  // When it begins is not for whoever asks to say.
  const ramp = laneRamp.omit({ since: true }).safeParse({ steps: others, everySeconds, by });
  if (ramp.success) return undefined;
  const [issue] = ramp.error.issues;
  const field = String(issue?.path[0]);
  return refusal(
    field,
    field === 'everySeconds' ? 'must be whole seconds, from 1 to those of 31 days' : (issue?.message ?? ''),
  );
}

function refuseLimits(limits: unknown): Refusal | undefined {
  const parsed = laneLimits.partial().optional().safeParse(limits);
  if (parsed.success) return undefined;
  const [issue] = parsed.error.issues;
  const name = issue?.code === 'unrecognized_keys' ? issue.keys[0] : issue?.path.join('.');
  return { code: 'invalidLaneLimit', field: name ? `limits.${name}` : 'limits', message: issue?.message ?? '' };
}

const [TENANTS, ATTRIBUTE, PERCENT] = laneMatch.options;

/** Why this is no match that a rule could have. Of the three kinds it is held to the one that it begins like. */
export function refuseMatch(match: unknown, field: string): Refusal | undefined {
  const isObject = typeof match === 'object' && match !== null;
  const kind = isObject && 'tenants' in match ? TENANTS : isObject && 'attribute' in match ? ATTRIBUTE : PERCENT;
  const parsed = kind.safeParse(match);
  const refusal = (path: PropertyKey[], message: string): Refusal => {
    // A percentage by itself has one field, however it was given.
    const within = field === 'percent' && path[0] === 'percent' ? [] : path;
    return { code: 'invalidLaneRule', field: [field, ...within].map(String).join('.').slice(0, 200), message };
  };
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return refusal(issue?.path ?? [], issue?.message ?? '');
  }
  if (!('tenants' in parsed.data)) return undefined;
  const place = parsed.data.tenants.findIndex((tenant) => !PART.test(tenant));
  return place < 0 ? undefined : refusal(['tenants', place], 'must be one or more of A-Z a-z 0-9 . _ -');
}
