import type { ChangeWarnings } from '../delivery/lanes/change-warnings';
import type { DryRun } from '../delivery/lanes/dry-run';
import type { LaneLimits, LaneMatch, LaneRamp } from '../delivery/lanes/lane';
import type { Overtaken } from '../delivery/lanes/prepare-change';
import { tableOf } from './table';

/** A rule's match as text for people. */
export function matchText(match: LaneMatch): string {
  if ('tenants' in match) return `tenants ${shortened(match.tenants)}`;
  if ('attribute' in match) return `${match.attribute} = ${shortened(match.oneOf.map((one) => JSON.stringify(one)))}`;
  return `${match.percent} % of ${{ tenant: 'tenants', key: 'keys' }[match.by]}`;
}

const SHOWN = 5;
const shortened = (texts: string[]) =>
  texts.length > SHOWN ? `${texts.slice(0, SHOWN).join(', ')} and ${texts.length - SHOWN} more` : texts.join(', ');

export const rampText = ({ steps, everySeconds, since }: LaneRamp): string =>
  `${steps.map((step) => `${step} %`).join(', ')} to come, every ${everySeconds} s, since ${since}`;

// Rounded, because a double is not exact (0.07 * 100 is 7.000000000000001).
const percentOf = (rate: number) => Number((rate * 100).toFixed(6));

export const limitsText = (limits: LaneLimits): string =>
  [
    `${percentOf(limits.errorRate)} % errors`,
    `late p99 ${limits.lateP99Ms} ms`,
    `${percentOf(limits.differenceRate)} % differences`,
    `of ${limits.minCount} or more in ${limits.windowSeconds} s`,
  ].join(', ');

/** The effect of a change as text for people. */
export function dryRunText(lane: string, found: DryRun | undefined, { drastic, toBeKnown }: ChangeWarnings): string {
  const lines = found ? figuresOf(lane, found) : ['it changes no rules'];
  return [...lines, ...[...drastic, ...toBeKnown].map((one) => `note: ${one}`)].join('\n');
}

function figuresOf(lane: string, { waiting, lookedAt, caught, tenants, tenantsCaught }: DryRun): string[] {
  const of = lookedAt < waiting ? `${lookedAt} that were looked at; ${waiting} wait in all` : `${lookedAt} that wait`;
  const lines = [`${lane} would take ${caught} of ${of}`];
  if (tenants.length > 0) {
    lines.push(
      '',
      tableOf(
        ['tenant', 'waiting'],
        tenants.map((one) => [one.tenant, one.waiting]),
      ),
    );
  }
  if (tenantsCaught > tenants.length) lines.push(`and of ${tenantsCaught - tenants.length} further tenants`);
  return lines;
}

export function overtakenText({ version, by }: Overtaken): string {
  const who = by
    ? `${by.author} has changed ${by.lane} (${by.what}) at ${by.changedAt}: ${by.reason}`
    : 'somebody has changed its lanes in the database by hand';
  return `overtaken: ${who}. Nothing is changed; look at version ${version} with postdate lanes, and ask again`;
}
