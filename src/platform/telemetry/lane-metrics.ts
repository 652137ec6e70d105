import type { MetricMeter } from '@temporalio/common';

/** Metrics of a topic's named lanes. */
export interface LaneMetrics {
  /** Reports a lane's counters as 0 before they first count, so that an alert sees the first increase. */
  declareLane(topic: string, lane: string): void;
  /** Counts a message that has landed in a named lane. */
  laneLanded(topic: string, lane: string): void;
  /** Counts a message that a named lane could not land, and that returns to stable. */
  laneFailed(topic: string, lane: string): void;
  /** Counts messages of a named lane that went to stable. */
  laneFellBack(topic: string, lane: string, reason: FallBackReason, messages: number): void;
  /** Counts a stop of a lane by the lane guard. */
  laneStopped(topic: string, lane: string): void;
  /** Sets how many rules of a topic cannot be applied. */
  malformedLaneRules(topic: string, rules: number): void;
}

/**
 * Why a message fell back to stable. `notServed`: the lane has no live worker. `notHeld`: no worker of the lane held it
 * in time. `notLanded`: a worker held it, and did not land it in time. `failed`: its landing failed.
 */
export const FALL_BACK_REASONS = ['notServed', 'notHeld', 'notLanded', 'failed'] as const;
export type FallBackReason = (typeof FALL_BACK_REASONS)[number];

export function createLaneMetrics(meter: MetricMeter): LaneMetrics {
  const count = (name: string, unit: string, description: string) => meter.createCounter(name, unit, description);
  const landed = count('postdate_lane_landed_messages', 'messages', 'Messages that landed in a named lane');
  const failed = count('postdate_lane_failed_messages', 'messages', 'Messages that a named lane could not land');
  const fallbacks = count('postdate_lane_fallbacks', 'messages', 'Messages of a named lane that went to stable');
  const stopped = count('postdate_lanes_stopped', 'stops', 'Lanes stopped by the lane guard');
  const malformed = meter.createGauge('postdate_malformed_lane_rules', 'int', 'rules', 'Rules that are skipped');
  const declared = new Set<string>();

  return {
    declareLane(topic, lane) {
      const name = `${topic}@${lane}`;
      if (declared.has(name)) return;
      declared.add(name);
      for (const counter of [landed, failed, stopped]) counter.add(0, { topic, lane });
      for (const reason of FALL_BACK_REASONS) fallbacks.add(0, { topic, lane, reason });
    },
    laneLanded: (topic, lane) => landed.add(1, { topic, lane }),
    laneFailed: (topic, lane) => failed.add(1, { topic, lane }),
    laneFellBack: (topic, lane, reason, messages) => fallbacks.add(messages, { topic, lane, reason }),
    laneStopped: (topic, lane) => stopped.add(1, { topic, lane }),
    malformedLaneRules: (topic, rules) => malformed.set(rules, { topic }),
  };
}
