import Table from 'cli-table3';
import type { Pool } from 'pg';
import pc from 'picocolors';
import { STABLE } from '../src/message/lane-name';
import { WORKER_IS_WELL } from '../src/platform/database/worker-registry';

/** The payment requests of one step, by tenant/id, and the lane that its rules name for each. */
export interface Wave {
  name: string;
  expected: Map<string, { tenant: string; lane: string }>;
}

/** What became of one payment request: which lane landed it, how often, and which events tell of it. */
export interface Landing {
  subject: string;
  lane: string | null;
  reason: string | null;
  decisions: number;
  reminded: number;
  expired: number;
  lateMs: number;
}

/**
 * Reads what became of the payment requests from the ledger and the outbox. Requests that have not landed are left out.
 */
export async function readLandings(pool: Pool, topic: string, waves: Wave[]): Promise<Landing[]> {
  const { rows } = await pool.query<Landing>(
    `select tenant || '/' || key as subject, min(lane) as lane, min(coalesce(lane_reason, reason)) as reason,
            count(*)::int as decisions, max(extract(epoch from decided_at - due_at) * 1000)::float8 as "lateMs",
            (select count(*)::int from postdate.outbox
              where aggregateid = tenant || '/' || key and type = 'payment-request.reminder') as reminded,
            (select count(*)::int from postdate.outbox
              where aggregateid = tenant || '/' || key and type = 'payment-request.expired') as expired
       from postdate.delivery
      where topic = $1 and tenant || '/' || key = any($2)
      group by tenant, key`,
    [topic, waves.flatMap(({ expected }) => [...expected.keys()])],
  );
  return rows;
}

/** The builds that each lane's workers say they run. */
export async function readBuilds(pool: Pool): Promise<Map<string, string>> {
  const { rows } = await pool.query<{ lane: string; builds: string }>(
    `select lane, string_agg(distinct build, ', ') as builds from postdate.worker where ${WORKER_IS_WELL} group by lane`,
  );
  return new Map(rows.map(({ lane, builds }) => [lane, builds]));
}

/** All that is not as the rules say: another lane, the other version's effect, a loss, or a second effect. */
export function deviationsOf(waves: Wave[], landings: Landing[]): string[] {
  const bySubject = new Map(landings.map((landing) => [landing.subject, landing]));
  return waves.flatMap(({ name, expected }) =>
    [...expected].flatMap(([subject, { lane }]) => {
      const what = `${subject} (${name})`;
      const landing = bySubject.get(subject);
      if (!landing) return [`${what} was lost`];
      const wrong: string[] = [];
      if (landing.lane !== lane) wrong.push(`landed in ${landing.lane}, not in ${lane}: ${landing.reason}`);
      const { decisions, expired, reminded } = landing;
      const reminders = landing.lane === STABLE ? 0 : 1;
      if (decisions !== 1) wrong.push(`was decided ${decisions} times`);
      if (expired !== 1) wrong.push(`expired ${expired} times`);
      if (reminded !== reminders) wrong.push(`was reminded of ${reminded} times, not ${reminders}`);
      return wrong.map((one) => `${what} ${one}`);
    }),
  );
}

/** The closing table: for each tenant and step, which lane landed its payment requests, by which build, and what that did. */
export function canaryReport(
  { tenants, waves, builds }: { tenants: string[]; waves: Wave[]; builds: Map<string, string> },
  landings: Landing[],
): string {
  const table = new Table({
    head: ['tenant', ...waves.map(({ name }) => name)],
    style: { head: [], border: [] },
    // A line between the tenants would double the table's height.
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
  });
  const bySubject = new Map(landings.map((landing) => [landing.subject, landing]));
  for (const tenant of tenants) {
    const cells = waves.map(({ expected }) => {
      const own = [...expected].filter(([, one]) => one.tenant === tenant);
      const landed = own.map(([subject]) => bySubject.get(subject)).filter((one) => one !== undefined);
      return cellOf(landed, { lane: own[0]?.[1].lane, count: own.length, builds });
    });
    table.push([tenant, ...cells]);
  }
  table.push(['landed after due, at most', ...waves.map((wave) => lateOf(wave, landings))]);
  return table.toString();
}

function cellOf(
  landed: Landing[],
  expected: { lane: string | undefined; count: number; builds: Map<string, string> },
): string {
  const lanes = [...new Set(landed.map(({ lane }) => lane ?? 'nobody'))];
  const whose = lanes.map((lane) => `${lane} ${expected.builds.get(lane) ?? ''}`.trimEnd());
  const sum = (of: 'reminded' | 'expired') => landed.reduce((all, one) => all + one[of], 0);
  const did = [`${sum('expired')} expired`, ...(sum('reminded') > 0 ? [`${sum('reminded')} reminded`] : [])];
  const isRight = lanes.length === 1 && lanes[0] === expected.lane && landed.length === expected.count;
  const paint = isRight ? pc.green : pc.red;
  return paint(`${whose.join(', ') || 'nobody'}: ${did.reverse().join(', ')}`);
}

function lateOf({ expected }: Wave, landings: Landing[]): string {
  const own = landings.filter(({ subject }) => expected.has(subject));
  const lanes = [...new Set(own.map(({ lane }) => lane ?? 'nobody'))].sort();
  return lanes
    .map((lane) => {
      const ms = own.filter((one) => (one.lane ?? 'nobody') === lane).map(({ lateMs }) => lateMs);
      return `${lane} ${Math.round(Math.max(...ms))} ms`;
    })
    .join(', ');
}
