import type { ScheduledMessage } from '../../message/contract';
import { STABLE } from '../../message/lane-name';
import { hash01 } from '../../message/wake';
import type { LaneMatch, LaneRule } from './lane';
import type { RoutingTable } from './routing-table';

/** Which lane a message takes, and why. `fellBackFrom`: the lane by the rules, which no live worker serves. */
export interface LaneChoice {
  lane: string;
  reason?: string;
  fellBackFrom?: string;
}

type RoutedMessage = Pick<ScheduledMessage, 'topic' | 'tenant' | 'key' | 'payload'>;

/** The first matching rule, in order, of stable or of a live lane. Undefined: the message takes stable. */
export function ruleFor(
  { rules, lanes }: Pick<RoutingTable, 'rules' | 'lanes'>,
  message: RoutedMessage,
): LaneRule | undefined {
  return rules.find((rule) => {
    if (rule.lane !== STABLE && lanes.get(rule.lane)?.mode !== 'live') return false;
    return matchesMessage(rule.match, message, rule.lane);
  });
}

/**
 * Chooses the one lane of a message. The result depends only on the routing table and the message: every worker, at any
 * time and in any order, gets the same lane. Falls back to stable if no worker serves the lane; the caller serves
 * `ownLane`.
 */
export function chooseLane(routing: RoutingTable, message: RoutedMessage, ownLane = STABLE): LaneChoice {
  const rule = ruleFor(routing, message);
  if (!rule) return { lane: STABLE };
  const { lane, reason } = rule;
  if (lane === STABLE || lane === ownLane || routing.servedLanes.has(lane)) return { lane, reason };
  return { lane: STABLE, reason: `${lane} has no live worker`, fellBackFrom: lane };
}

/**
 * Whether a rule's match applies to this message. A percentage always takes the same tenants, or keys, and keeps them
 * when it grows. Each lane has its own hash order.
 */
export function matchesMessage(match: LaneMatch, message: RoutedMessage, lane: string): boolean {
  if ('tenants' in match) return match.tenants.includes(message.tenant);
  if ('attribute' in match) {
    const value = valueAt(message.payload, match.attribute);
    return match.oneOf.some((expected) => expected === value);
  }
  const { topic, tenant, key } = message;
  const hashed = { tenant, key: `${tenant}/${key}` }[match.by];
  return hash01(`${topic}@${lane}:${hashed}`) * 100 < match.percent;
}

function valueAt(payload: unknown, path: string): unknown {
  let value = payload;
  for (const name of path.split('.')) {
    // Only the payload's own fields: those of its prototype are not attributes.
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}
