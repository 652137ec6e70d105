import { z } from 'zod';

/** What a percentage is of: all tenants, or all keys. */
export const PERCENT_OF = ['tenant', 'key'] as const;
export type PercentOf = (typeof PERCENT_OF)[number];

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
  z.strictObject({ percent: z.number().min(0).max(100), by: z.enum(PERCENT_OF) }),
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

export const LANE_MODES = ['live', 'shadow', 'stopped'] as const;
export type LaneMode = (typeof LANE_MODES)[number];

/** The modes that a lane can be set to; it becomes `stopped` by a stop alone. */
export const SETTABLE_MODES = ['live', 'shadow'] as const satisfies LaneMode[];
export type SettableMode = (typeof SETTABLE_MODES)[number];

/** What changes a lane. */
export const LANE_CHANGES = ['set', 'ramp', 'step', 'stop'] as const;
export type LaneChangeName = (typeof LANE_CHANGES)[number];

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
  by: z.enum(PERCENT_OF),
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
