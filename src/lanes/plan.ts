import { MessageError } from '../admission';
import { STABLE } from '../lane-name';
import type { LaneBoard } from './board';
import type { LaneWish } from './change';
import { type LaneMatch, type LaneRule, laneLimits } from './lane';
import type { LaneRequest, RampRequest } from './request';

/** What a request comes to, on the board as it is: what is written, and what the board is then. */
export interface LanePlan {
  wish: LaneWish;
  after: LaneBoard;
}

/** Throws a `MessageError` for what cannot be done with the lanes that there are. `now`: RFC 3339, by the database's clock. */
export function planOf(request: LaneRequest, board: LaneBoard, now: string): LanePlan {
  const wish = wishOf(request, board, now);
  return { wish, after: boardAfter(board, request, wish) };
}

function wishOf(request: LaneRequest, board: LaneBoard, now: string): LaneWish {
  const { topic, lane } = request;
  const known = board.lanes.get(lane);
  if (request.what === 'set') {
    const { mode, rules, first, limits } = request;
    // The next step of a ramp would undo what is set by hand.
    const ramp = rules && known?.ramp ? null : undefined;
    return { mode, rules, first, limits, ramp };
  }
  if (!known) {
    const others = [...board.lanes.keys()].join(', ') || 'none';
    throw invalidLane(`${topic} has no lane ${lane}; it has ${others}`);
  }
  if (request.what === 'stop') return { mode: 'stopped', ramp: null };
  // What was stopped, perhaps by itself, is not to come back by the way.
  if (known.mode === 'stopped') throw invalidLane(`${lane} is stopped; set it live or to shadow first`);
  return rampOf(request, board.rules, now);
}

const invalidLane = (message: string) => new MessageError({ code: 'invalidLane', field: 'lane', message });

/** The first step as the lane's percentage, beside its other rules, and what is left of the ramp. */
function rampOf({ lane, steps, everySeconds, ...request }: RampRequest, known: LaneRule[], now: string): LaneWish {
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

/** The board as `changeLane` will leave it. */
function boardAfter(board: LaneBoard, { topic, lane, reason, author }: LaneRequest, wish: LaneWish): LaneBoard {
  const lanes = new Map(board.lanes);
  const known = board.lanes.get(lane);
  if (lane !== STABLE) {
    const limits = laneLimits.parse({ ...known?.limits, ...wish.limits });
    const ramp = wish.ramp === undefined ? known?.ramp : (wish.ramp ?? undefined);
    lanes.set(lane, { topic, lane, mode: wish.mode ?? known?.mode ?? 'live', limits, ramp });
  }
  if (!wish.rules) return { ...board, lanes };
  const places = board.rules.map((rule) => rule.place);
  const own = board.rules.filter((rule) => rule.lane === lane).map((rule) => rule.place);
  const last = places.length > 0 ? Math.max(...places) + 1 : 1;
  const place = wish.first
    ? Math.min(...(places.length > 0 ? places : [1])) - 1
    : own.length > 0
      ? Math.min(...own)
      : last;
  const others = board.rules.filter((rule) => rule.lane !== lane);
  // As they will be numbered: after all that there are.
  const rules = wish.rules.map((match) => ({ id: Number.POSITIVE_INFINITY, place, lane, match, reason, author }));
  return { ...board, lanes, rules: [...others, ...rules].sort((one, two) => one.place - two.place) };
}
