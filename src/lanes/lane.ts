import { z } from 'zod';
import type { Refusal } from '../admission';

/** The lane that every topic has. A message takes it unless a rule sends the message elsewhere. */
export const STABLE = 'stable';

const NAME = /^[a-z0-9][a-z0-9-]{0,39}$/;

/** Why this cannot be the name of a lane, which becomes a part of a task queue's name. */
export function refuseLaneName(lane: string): Refusal | undefined {
  if (NAME.test(lane)) return undefined;
  const message = 'must be 1 to 40 of a-z, 0-9 and -, and not begin with -';
  return { code: 'invalidLane', field: 'lane', message };
}

/** Which messages a rule applies to. `percent`: this share of all tenants, or keys, always the same ones. */
export const laneMatch = z.union([
  z.strictObject({ tenants: z.array(z.string().min(1).max(255)).min(1).max(1_000) }),
  z.strictObject({
    /** The name of a field of the payload; a dotted path for a nested field. */
    attribute: z.string().regex(/^[^.\s]{1,100}(\.[^.\s]{1,100}){0,9}$/, 'must be names of fields with dots between'),
    oneOf: z
      .array(z.union([z.string().max(1_000), z.number(), z.boolean()]))
      .min(1)
      .max(1_000),
  }),
  z.strictObject({ percent: z.number().min(0).max(100), by: z.enum(['tenant', 'key']) }),
]);
export type LaneMatch = z.output<typeof laneMatch>;

/** A valid rule. Rules are tried in the order of `place`; those of one place in the order in which they were set. */
export interface LaneRule {
  id: number;
  place: number;
  lane: string;
  match: LaneMatch;
  reason: string;
  author: string;
}

export type LaneMode = 'live' | 'shadow' | 'stopped';

/** Limits at which the lane guard stops a lane, once its window has `minCount` messages. Rates are from 0 to 1. */
export const laneLimits = z.strictObject({
  windowSeconds: z.int().min(1).max(86_400).default(300),
  /** Messages that the lane landed or failed; for differences, messages that were compared. */
  minCount: z.int().min(1).max(1_000_000).default(20),
  errorRate: z.number().min(0).max(1).default(0.05),
  lateP99Ms: z.number().min(1).max(86_400_000).default(1_000),
  differenceRate: z.number().min(0).max(1).default(0.01),
});
export type LaneLimits = z.output<typeof laneLimits>;

/** A ramp in progress: the percentages still to come, and how long each step lasts while the lane is healthy. */
export const laneRamp = z.strictObject({
  steps: z.array(z.number().gt(0).max(100)).max(100),
  everySeconds: z
    .int()
    .min(1)
    .max(31 * 86_400),
  by: z.enum(['tenant', 'key']),
  /** RFC 3339: when the current step began. */
  since: z.string(),
});
export type LaneRamp = z.output<typeof laneRamp>;

export interface Lane {
  topic: string;
  lane: string;
  mode: LaneMode;
  limits: LaneLimits;
  ramp?: LaneRamp;
}
