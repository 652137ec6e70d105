import { type Command, Option } from 'commander';
import { type LaneLimits, type LaneMatch, PERCENT_OF, type PercentOf } from '../delivery/lanes/lane';
import type { SetRequest } from '../delivery/lanes/lane-request';
import { attribute, type LaneOptions, names, number, requestOf } from './lane-options';

export interface SetOptions extends LaneOptions, Partial<LaneLimits> {
  tenants?: string[];
  attribute?: LaneMatch[];
  percent?: number;
  by: PercentOf;
  /** False with --no-rules. */
  rules: boolean;
  first?: boolean;
  shadow?: boolean;
  live?: boolean;
}

export const withRules = (command: Command): Command =>
  command
    .requiredOption('--reason <text>', 'why, for the record')
    .option('--tenants <a,b>', 'its first rule: these tenants', names)
    .option('--attribute <path=a,b>', 'its next: a field of the payload is one of these; may be given again', attribute)
    .option('--percent <number>', 'its last: as many of all tenants, always the same ones', number)
    .addOption(
      new Option('--by <what>', 'of the percentage: of all tenants, or keys').choices(PERCENT_OF).default('tenant'),
    )
    .option('--no-rules', 'it takes nothing by itself')
    .option('--first', "its rules are asked before all of the topic's others")
    .addOption(new Option('--shadow', 'it gets copies, and lands nothing').conflicts('live'))
    .option('--live', 'it lands what it takes, also after it was stopped or a shadow')
    .option('--window-seconds <number>', 'its limits: looked at over so long', number)
    .option('--min-count <number>', 'once there are so many messages in it', number)
    .option('--error-rate <number>', 'it is stopped when more than this fails, from 0 to 1', number)
    .option('--late-p99-ms <number>', 'when it lands later than this', number)
    .option('--difference-rate <number>', 'when more than this differs from stable, from 0 to 1', number);

export function setRequestOf(options: SetOptions): SetRequest {
  const { tenants, attribute: attributes = [], percent, by, first, shadow, live } = options;
  const rules: LaneMatch[] = [
    ...(tenants ? [{ tenants }] : []),
    ...attributes,
    ...(percent === undefined ? [] : [{ percent, by }]),
  ];
  const { windowSeconds, minCount, errorRate, lateP99Ms, differenceRate } = options;
  const limits = Object.entries({ windowSeconds, minCount, errorRate, lateP99Ms, differenceRate });
  const given = limits.filter(([, value]) => value !== undefined);
  return {
    ...requestOf(options),
    what: 'set',
    mode: shadow ? 'shadow' : live ? 'live' : undefined,
    rules: rules.length > 0 || !options.rules ? rules : undefined,
    first,
    limits: given.length > 0 ? Object.fromEntries(given) : undefined,
  };
}
