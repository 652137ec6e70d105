import type { MetricCounter } from '@temporalio/common';
import type { Instruments } from './instruments';

/**
 * Why a message fell back to stable. `notServed`: the lane has no live worker. `notHeld`: no worker of the lane held it
 * in time. `notLanded`: a worker held it, and did not land it in time. `failed`: its landing failed.
 */
const FALL_BACK_REASONS = ['notServed', 'notHeld', 'notLanded', 'failed'] as const;
export type FallBackReason = (typeof FALL_BACK_REASONS)[number];

export type LaneMetrics = ReturnType<typeof createLaneMetrics>;

/** Metrics of a topic's named lanes. */
export function createLaneMetrics({ number, count }: Instruments) {
  const declared = new Set<string>();
  const zeros: ((topic: string, lane: string) => void)[] = [];
  const declare = (counter: MetricCounter) => {
    zeros.push((topic, lane) => counter.add(0, { topic, lane }));
    return (topic: string, lane: string) => counter.add(1, { topic, lane });
  };
  return {
    /** Reports a lane's counters as 0 before they first count, so that an alert sees the first increase. */
    declareLane(topic: string, lane: string): void {
      const name = `${topic}@${lane}`;
      if (declared.has(name)) return;
      declared.add(name);
      for (const addZero of zeros) addZero(topic, lane);
    },
    /** Counts a message that has landed in a named lane. */
    laneLanded: count('postdate_lane_landed_messages', 'messages', 'Messages that landed in a named lane', declare),
    /** Counts a message that a named lane could not land, and that returns to stable. */
    laneFailed: count(
      'postdate_lane_failed_messages',
      'messages',
      'Messages that a named lane could not land',
      declare,
    ),
    /** Counts messages of a named lane that went to stable. */
    laneFellBack: count(
      'postdate_lane_fallbacks',
      'messages',
      'Messages of a named lane that went to stable',
      (counter) => {
        zeros.push((topic, lane) => {
          for (const reason of FALL_BACK_REASONS) counter.add(0, { topic, lane, reason });
        });
        return (topic: string, lane: string, reason: FallBackReason, messages: number) =>
          counter.add(messages, { topic, lane, reason });
      },
    ),
    /** Counts a stop of a lane by the lane guard. */
    laneStopped: count('postdate_lanes_stopped', 'stops', 'Lanes stopped by the lane guard', declare),
    /** Sets how many rules of a topic cannot be applied. */
    malformedLaneRules: number('postdate_malformed_lane_rules', 'rules', 'Rules that are skipped', (gauge) => {
      return (topic: string, rules: number) => gauge.set(rules, { topic });
    }),
  };
}
