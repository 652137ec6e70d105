import { MessageError } from '../../message/admission';
import { STABLE } from '../../message/lane-name';
import { type LaneMatch, type LaneRule, laneLimits } from './lane';
import type { LaneRequest, RampRequest } from './lane-request';
import type { RoutingTable } from './routing-table';
import type { LanePatch } from './write-lane';

/** The effect of a request on a routing table: the patch to write, and the routing table after it. */
export interface LanePlan {
  patch: LanePatch;
  after: RoutingTable;
}

/**
 * Plans a request. Throws a `MessageError` if the topic's lanes do not allow it. `now`: RFC 3339, by the database's
 * clock.
 */
export function planChange(request: LaneRequest, routing: RoutingTable, now: string): LanePlan {
  const patch = patchOf(request, routing, now);
  return { patch, after: routingAfter(routing, request, patch) };
}

function patchOf(request: LaneRequest, routing: RoutingTable, now: string): LanePatch {
  const { topic, lane } = request;
  const current = routing.lanes.get(lane);
  if (request.what === 'set') {
    const { mode, rules, first, limits } = request;
    // A new set of rules ends a ramp: its next step would undo them.
    const ramp = rules && current?.ramp ? null : undefined;
    return { mode, rules, first, limits, ramp };
  }
  if (!current) {
    const others = [...routing.lanes.keys()].join(', ') || 'none';
    throw invalidLane(`${topic} has no lane ${lane}; it has ${others}`);
  }
  if (request.what === 'stop') return { mode: 'stopped', ramp: null };
  // A ramp must not restart a stopped lane as a side effect: the lane guard may have stopped it.
  if (current.mode === 'stopped') throw invalidLane(`${lane} is stopped; set it live or to shadow first`);
  return rampPatch(request, routing.rules, now);
}

const invalidLane = (message: string) => new MessageError({ code: 'invalidLane', field: 'lane', message });

/**
 * Sets the first step as the lane's percentage, beside its other rules, and keeps the steps that are left as its ramp.
 */
function rampPatch({ lane, steps, everySeconds, ...request }: RampRequest, known: LaneRule[], now: string): LanePatch {
  const matches = known.filter((rule) => rule.lane === lane).map(({ match }) => match);
  const before = matches.findIndex((match) => 'percent' in match);
  const was = matches[before];
  const by = request.by ?? (was && 'percent' in was ? was.by : 'tenant');
  const [percent = 0, ...left] = steps;
  const others = matches.filter((match) => !('percent' in match));
  const rules: LaneMatch[] = [...others];
  rules.splice(before < 0 ? others.length : before, 0, { percent, by });
  const ramp = left.length > 0 && everySeconds !== undefined ? { steps: left, everySeconds, by, since: now } : null;
  return { rules, ramp };
}

/** The routing table as `changeLane` will leave it. */
function routingAfter(
  routing: RoutingTable,
  { topic, lane, reason, author }: LaneRequest,
  patch: LanePatch,
): RoutingTable {
  const lanes = new Map(routing.lanes);
  const current = routing.lanes.get(lane);
  if (lane !== STABLE) {
    const limits = laneLimits.parse({ ...current?.limits, ...patch.limits });
    const ramp = patch.ramp === undefined ? current?.ramp : (patch.ramp ?? undefined);
    lanes.set(lane, { topic, lane, mode: patch.mode ?? current?.mode ?? 'live', limits, ramp });
  }
  if (!patch.rules) return { ...routing, lanes };
  const places = routing.rules.map((rule) => rule.place);
  const own = routing.rules.filter((rule) => rule.lane === lane).map((rule) => rule.place);
  const last = places.length > 0 ? Math.max(...places) + 1 : 1;
  const place = patch.first
    ? Math.min(...(places.length > 0 ? places : [1])) - 1
    : own.length > 0
      ? Math.min(...own)
      : last;
  const others = routing.rules.filter((rule) => rule.lane !== lane);
  // New rules get ids after all existing ones.
  const rules = patch.rules.map((match) => ({ id: Number.POSITIVE_INFINITY, place, lane, match, reason, author }));
  return { ...routing, lanes, rules: [...others, ...rules].sort((one, two) => one.place - two.place) };
}
