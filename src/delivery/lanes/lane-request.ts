import { MessageError, PART } from '../../message/admission';
import { refuseLaneName, STABLE } from '../../message/lane-name';
import type { Refusal } from '../../message/refusal';
import type { Topic } from '../../topics/topic';
import { leadMsOf } from '../../topics/topic-limits';
import {
  type LaneLimits,
  type LaneMatch,
  laneLimits,
  laneMatch,
  laneRamp,
  type PercentOf,
  type SettableMode,
} from './lane';

// The message that wakes last must still have time to go to another lane and back.
const MIN_LEAD_MS = 5_000;
// Several times what one line of a table shows.
const MAX_REASON_CHARACTERS = 500;
const MAX_AUTHOR_CHARACTERS = 200;
// Every rule is tried for every message that wakes.
export const MAX_RULES = 100;

interface RequestBase {
  topic: string;
  lane: string;
  author: string;
  reason: string;
  /** The change is made only if the topic's lanes are still at this version, which the operator was shown. */
  ifVersion?: number;
}
export type SetRequest = RequestBase & {
  what: 'set';
  mode?: SettableMode;
  /** Replaces the lane's rules. An empty list takes no messages. */
  rules?: LaneMatch[];
  first?: boolean;
  limits?: Partial<LaneLimits>;
};
/** Percentages in steps: the first one now, each of the others after `everySeconds` while the lane is healthy. */
export type RampRequest = RequestBase & { what: 'ramp'; steps: number[]; everySeconds?: number; by?: PercentOf };
export type StopRequest = RequestBase & { what: 'stop' };

/** An operator's request to change a lane, by HTTP or by command. */
export type LaneRequest = SetRequest | RampRequest | StopRequest;

/** Validates a request, and returns its topic. Throws a `MessageError` that names the invalid field. */
export function admitRequest(request: LaneRequest, topics: Topic[]): Topic {
  const topic = topics.find(({ name }) => name === request.topic);
  const refusal = topic
    ? (refuseLead(topic) ?? refuseLaneName(request.lane) ?? refuseTexts(request) ?? refuseAction(request))
    : ({ code: 'unknownTopic', field: 'topic', message: 'is not installed here' } as const);
  if (!topic || refusal) throw new MessageError(refusal as Refusal);
  return topic;
}

function refuseLead(topic: Topic): Refusal | undefined {
  if (leadMsOf(topic) >= MIN_LEAD_MS) return undefined;
  const message = `has a lead of ${leadMsOf(topic)} ms; lanes need ${MIN_LEAD_MS} ms or more`;
  return { code: 'invalidLane', field: 'topic', message };
}

function refuseTexts({ reason, author }: LaneRequest): Refusal | undefined {
  if (!isText(reason, MAX_REASON_CHARACTERS))
    return { code: 'invalidReason', field: 'reason', message: `must have 1 to ${MAX_REASON_CHARACTERS} characters` };
  if (!isText(author, MAX_AUTHOR_CHARACTERS))
    return { code: 'invalidLabel', field: 'author', message: `must have 1 to ${MAX_AUTHOR_CHARACTERS} characters` };
  return undefined;
}

const isText = (text: unknown, longest: number) =>
  typeof text === 'string' && text.trim() !== '' && text.length <= longest;

function refuseAction(request: LaneRequest): Refusal | undefined {
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
  if ((rules?.length ?? 0) > MAX_RULES) {
    return { code: 'invalidLaneRule', field: 'rules', message: `must be ${MAX_RULES} at most` };
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
  // The request does not say when the ramp begins: `changeLane` does.
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

/** Why a rule cannot have this match. Its fields decide which of the three kinds it is checked as. */
export function refuseMatch(match: unknown, field: string): Refusal | undefined {
  const isObject = typeof match === 'object' && match !== null;
  const kind = isObject && 'tenants' in match ? TENANTS : isObject && 'attribute' in match ? ATTRIBUTE : PERCENT;
  const parsed = kind.safeParse(match);
  const refusal = (path: PropertyKey[], message: string): Refusal => {
    // A percentage by itself has one field, as an argument or as the first of the steps.
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
