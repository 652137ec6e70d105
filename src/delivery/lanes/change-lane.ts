import type { Pool } from 'pg';
import { admit, MessageError } from '../../message/admission';
import { refuseLaneName, STABLE } from '../../message/lane-name';
import { inTransaction, type Queryable } from '../../platform/database/pool';
import { storable } from '../../platform/database/storable';
import type { LaneChangeName } from './lane';
import { raisePercent } from './percent-rule';
import { readRoutingTable } from './routing-table';
import { type LanePatch, writeLane, writeRules } from './write-lane';

export interface LaneChange {
  topic: string;
  lane: string;
  what: LaneChangeName;
  author: string;
  reason: string;
  /** The change is made only if the topic's lanes are still at this version. */
  ifVersion?: number;
}

/** `overtaken`: another change of the topic's lanes came first, and nothing is changed. */
export type LaneChangeResult =
  | { result: 'changed'; version: number; changeId: number }
  | { result: 'overtaken'; version: number };

/**
 * Changes a lane and its rules, and records author, change and reason, in one transaction. It waits for landings that
 * are in progress in the topic's lanes: once it returns, no message lands by the old rules. `inSameTransaction` runs
 * after the change. Throws a `MessageError` for an invalid change.
 */
export function changeLane(
  pool: Pool,
  change: LaneChange,
  patch: LanePatch,
  inSameTransaction: (tx: Queryable, changeId: number) => Promise<void> = async () => undefined,
): Promise<LaneChangeResult> {
  const { topic, lane } = change;
  admit(refuseLaneName(lane));
  if (lane === STABLE && (patch.mode ?? patch.limits ?? patch.ramp) !== undefined) {
    throw new MessageError({
      code: 'invalidLane',
      field: 'lane',
      message: 'stable is always live, and has rules only',
    });
  }
  return inTransaction(pool, async (tx) => {
    const version = await lockVersion(tx, topic);
    if (change.ifVersion !== undefined && change.ifVersion !== version) return { result: 'overtaken', version };
    const before = await auditStateOf(tx, topic, lane);
    if (lane !== STABLE) await writeLane(tx, topic, lane, patch);
    if (patch.rules) await writeRules(tx, change, patch.rules, patch.first === true);
    if (patch.percent) await raisePercent(tx, change, patch.percent);
    const after = await auditStateOf(tx, topic, lane);
    const newVersion = await readVersion(tx, topic);
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
        newVersion,
      ],
    );
    const changeId = Number(rows[0]?.id);
    await inSameTransaction(tx, changeId);
    return { result: 'changed', version: newVersion, changeId };
  });
}

async function lockVersion(tx: Queryable, topic: string): Promise<number> {
  await tx.query('select postdate.change_lanes($1)', [topic]);
  return readVersion(tx, topic);
}

async function readVersion(tx: Queryable, topic: string): Promise<number> {
  const text = 'select version::float8 as version from postdate.lane_version where topic = $1';
  return (await tx.query<{ version: number }>(text, [topic])).rows[0]?.version ?? 0;
}

/** The state of a lane for `before` and `after` of `postdate.lane_change`. */
async function auditStateOf(tx: Queryable, topic: string, lane: string): Promise<object> {
  const { lanes, rules } = await readRoutingTable(tx, topic);
  const { mode, limits, ramp } = lanes.get(lane) ?? {};
  return {
    mode: mode ?? null,
    limits,
    ramp,
    rules: rules.filter((rule) => rule.lane === lane).map(({ place, match }) => ({ place, match })),
  };
}
