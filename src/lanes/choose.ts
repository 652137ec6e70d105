import type { ScheduledMessage } from '../contract';
import { hash01 } from '../wake';
import type { LaneBoard } from './board';
import { type LaneMatch, type LaneRule, STABLE } from './lane';

/** Which lane a message takes, and why. `fellBackFrom`: the lane that it would take if anybody served that. */
export interface LaneChoice {
  lane: string;
  reason?: string;
  fellBackFrom?: string;
}

type Chosen = Pick<ScheduledMessage, 'topic' | 'tenant' | 'key' | 'payload'>;

/** The first rule that matches, in order, of a lane that is live, or of stable; without one, stable. */
export function ruleFor({ rules, lanes }: Pick<LaneBoard, 'rules' | 'lanes'>, message: Chosen): LaneRule | undefined {
  return rules.find((rule) => {
    if (rule.lane !== STABLE && lanes.get(rule.lane)?.mode !== 'live') return false;
    return matches(rule.match, message, rule.lane);
  });
}

/**
 * The one lane of a message by the rules as they are: the same whenever, wherever and in whatever order it is asked. Falls
 * back to stable where no worker serves the lane; `mine` is served by whoever asks.
 */
export function chooseLane(board: LaneBoard, message: Chosen, mine = STABLE): LaneChoice {
  const rule = ruleFor(board, message);
  if (!rule) return { lane: STABLE };
  const { lane, reason } = rule;
  if (lane === STABLE || lane === mine || board.served.has(lane)) return { lane, reason };
  return { lane: STABLE, reason: `${lane} has no live worker`, fellBackFrom: lane };
}

/**
 * Whether a rule's match is for this message. A percentage takes the same tenants, or keys, at every ask, and more of
 * them when it grows; each lane others first.
 */
export function matches(match: LaneMatch, message: Chosen, lane: string): boolean {
  if ('tenants' in match) return match.tenants.includes(message.tenant);
  if ('attribute' in match) {
    const value = valueAt(message.payload, match.attribute);
    return match.oneOf.some((one) => one === value);
  }
  const { topic, tenant, key } = message;
  const of = { tenant, key: `${tenant}/${key}` }[match.by];
  return hash01(`${topic}@${lane}:${of}`) * 100 < match.percent;
}

function valueAt(payload: unknown, path: string): unknown {
  let value = payload;
  for (const name of path.split('.')) {
    // Only what the payload itself has: its prototype's fields are nobody's attributes.
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}
