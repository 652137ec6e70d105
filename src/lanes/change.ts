import type { Pool } from 'pg';
import { admit, MessageError } from '../admission';
import { inTransaction, type Queryable } from '../database';
import { storable } from '../ledger';
import { readBoard } from './board';
import {
  type LaneChangeName,
  type LaneLimits,
  type LaneMatch,
  type LaneMode,
  type LaneRamp,
  laneLimits,
  laneMatch,
  refuseLaneName,
  STABLE,
} from './lane';
import { type PercentMatch, raisePercent } from './percent-rule';

/** What somebody wants of a lane. What is left out stays as it is; a lane that is new is live. */
export interface LaneWish {
  mode?: LaneMode;
  /** Its rules, in place of those that it has, in their order; they come `first` of all of the topic's, or last. */
  rules?: LaneMatch[];
  first?: boolean;
  /** Raises its rule of a percentage; its other rules stay as they are. */
  percent?: PercentMatch;
  limits?: Partial<LaneLimits>;
  /** `null` ends a ramp. */
  ramp?: LaneRamp | null;
}

export interface LaneChangeOf {
  topic: string;
  lane: string;
  what: LaneChangeName;
  author: string;
  reason: string;
  /** Changes nothing unless the topic's lanes are still at this version. */
  ifVersion?: number;
}

/** `overtaken`: somebody else has changed the topic's lanes meanwhile, and nothing is changed. */
export type LaneChanged =
  | { result: 'changed'; version: number; changeId: number }
  | { result: 'overtaken'; version: number };

/**
 * Changes a lane and its rules, and writes down who, what and why, in one transaction. It waits for landings in lanes that
 * are under way; once it has returned, nothing lands by the rules before. `also` is done in the same transaction, once it is
 * changed. Throws a `MessageError` for what cannot be.
 */
export function changeLane(
  pool: Pool,
  change: LaneChangeOf,
  wish: LaneWish,
  also: (tx: Queryable, changeId: number) => Promise<void> = async () => undefined,
): Promise<LaneChanged> {
  const { topic, lane } = change;
  admit(refuseLaneName(lane));
  if (lane === STABLE && (wish.mode ?? wish.limits ?? wish.ramp) !== undefined) {
    throw new MessageError({
      code: 'invalidLane',
      field: 'lane',
      message: 'stable is always live, and has rules only',
    });
  }
  return inTransaction(pool, async (tx) => {
    const version = await versionAlone(tx, topic);
    if (change.ifVersion !== undefined && change.ifVersion !== version) return { result: 'overtaken', version };
    const before = await stateOf(tx, topic, lane);
    if (lane !== STABLE) await writeLane(tx, topic, lane, wish);
    if (wish.rules) await writeRules(tx, change, wish.rules, wish.first === true);
    if (wish.percent) await raisePercent(tx, change, wish.percent);
    const after = await stateOf(tx, topic, lane);
    const raised = await readVersion(tx, topic);
    const { rows } = await tx.query<{ id: string }>(
      `insert into postdate.lane_change (topic, lane, what, before, after, reason, author, version)
       values ($1, $2, $3, $4, $5, $6, $7, $8) returning id`,
      [
        topic,
        lane,
        change.what,
        JSON.stringify(before),
        JSON.stringify(after),
        storable(change.reason),
        storable(change.author),
        raised,
      ],
    );
    const changeId = Number(rows[0]?.id);
    await also(tx, changeId);
    return { result: 'changed', version: raised, changeId };
  });
}

async function versionAlone(tx: Queryable, topic: string): Promise<number> {
  await tx.query('select postdate.change_lanes($1)', [topic]);
  return readVersion(tx, topic);
}

async function readVersion(tx: Queryable, topic: string): Promise<number> {
  const text = 'select version::float8 as version from postdate.lane_version where topic = $1';
  return (await tx.query<{ version: number }>(text, [topic])).rows[0]?.version ?? 0;
}

/** What an audit row shows of a lane. */
async function stateOf(tx: Queryable, topic: string, lane: string): Promise<object> {
  const { lanes, rules } = await readBoard(tx, topic);
  const { mode, limits, ramp } = lanes.get(lane) ?? {};
  return {
    mode: mode ?? null,
    limits,
    ramp,
    rules: rules.filter((rule) => rule.lane === lane).map(({ place, match }) => ({ place, match })),
  };
}

async function writeLane(tx: Queryable, topic: string, lane: string, { mode, limits, ramp }: LaneWish): Promise<void> {
  const known = (await readBoard(tx, topic)).lanes.get(lane);
  const next = {
    mode: mode ?? known?.mode ?? 'live',
    limits: laneLimits.parse({ ...known?.limits, ...limits }),
    ramp: ramp === undefined ? known?.ramp : (ramp ?? undefined),
  };
  await tx.query(
    `insert into postdate.lane (topic, lane, mode, limits, ramp) values ($1, $2, $3, $4, $5)
     on conflict (topic, lane) do update set mode = excluded.mode, limits = excluded.limits, ramp = excluded.ramp`,
    [topic, lane, next.mode, JSON.stringify(next.limits), next.ramp ? JSON.stringify(next.ramp) : null],
  );
}

async function writeRules(
  tx: Queryable,
  { topic, lane, author, reason }: LaneChangeOf,
  rules: LaneMatch[],
  first: boolean,
): Promise<void> {
  const matches = rules.map((match) => JSON.stringify(laneMatch.parse(match)));
  const { rows } = await tx.query<{ place: number }>(
    // A lane that has rules keeps its place among the others, unless it is to be the first.
    `select case when $3 then coalesce(min(place), 1) - 1
                 else coalesce(min(place) filter (where lane = $2), max(place) + 1, 1) end as place
       from postdate.lane_rule where topic = $1`,
    [topic, lane, first],
  );
  await tx.query('delete from postdate.lane_rule where topic = $1 and lane = $2', [topic, lane]);
  await tx.query(
    `insert into postdate.lane_rule (topic, place, lane, match, reason, author)
     select $1, $2, $3, match, $4, $5 from unnest($6::jsonb[]) with ordinality as given (match, nth) order by nth`,
    [topic, rows[0]?.place, lane, storable(reason), storable(author), matches],
  );
}
