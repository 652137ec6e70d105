import type { MetricMeter } from '@temporalio/common';

/** What operators see of a topic's named lanes. */
export interface LaneMetrics {
  /** There is such a lane: its counters that should stay at 0 begin there. */
  laneKnown(topic: string, lane: string): void;
  /** A message has landed in a named lane. */
  laneLanded(topic: string, lane: string): void;
  /** A named lane could not land a message, and stable has to. */
  laneFailed(topic: string, lane: string): void;
  /** Messages of a named lane went to stable. */
  laneFellBack(topic: string, lane: string, reason: FallBackReason, messages: number): void;
  /** The lane guard has stopped a lane. */
  laneStopped(topic: string, lane: string): void;
  /** How many rules of a topic cannot be obeyed. */
  malformedLaneRules(topic: string, rules: number): void;
}

/** Nobody serves the lane; who serves it did not hold it in time, or hold it and not land it; or it failed there. */
export const FALL_BACK_REASONS = ['notServed', 'notHeld', 'notLanded', 'failed'] as const;
export type FallBackReason = (typeof FALL_BACK_REASONS)[number];

export function createLaneMetrics(meter: MetricMeter): LaneMetrics {
  const count = (name: string, unit: string, says: string) => meter.createCounter(name, unit, says);
  const landed = count('postdate_lane_landed_messages', 'messages', 'Messages that landed in a named lane');
  const failed = count('postdate_lane_failed_messages', 'messages', 'Messages that a named lane could not land');
  const fallbacks = count('postdate_lane_fallbacks', 'messages', 'Messages of a named lane that went to stable');
  const stopped = count('postdate_lanes_stopped', 'stops', 'Lanes stopped by the lane guard');
  const malformed = meter.createGauge('postdate_malformed_lane_rules', 'int', 'rules', 'Rules that are skipped');
  const known = new Set<string>();

  return {
    laneKnown(topic, lane) {
      const name = `${topic}@${lane}`;
      if (known.has(name)) return;
      known.add(name);
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
