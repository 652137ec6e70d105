import type { MetricCounter, MetricGauge, MetricHistogram, MetricMeter } from '@temporalio/common';

/** The buckets of the histograms. Without them the exporter puts everything above 30 s in one bucket. */
export const HISTOGRAM_BUCKETS = {
  postdate_lateness_seconds: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3_600],
  postdate_landing_duration_seconds: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20],
  postdate_landing_group_messages: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000],
  postdate_http_answer_seconds: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
};

type HistogramName = keyof typeof HISTOGRAM_BUCKETS;

export type Instruments = ReturnType<typeof createInstruments>;

/**
 * Declares metrics. Each call makes one metric with its name, unit and description, and returns the function that its
 * last argument makes of the metric: the function by which a part of the worker reports.
 */
export function createInstruments(meter: MetricMeter) {
  return {
    number: <Report>(name: string, unit: string, description: string, by: (gauge: MetricGauge) => Report) =>
      by(meter.createGauge(name, 'int', unit, description)),
    seconds: <Report>(name: string, description: string, by: (gauge: MetricGauge) => Report) =>
      by(meter.createGauge(name, 'float', 'seconds', description)),
    count: <Report>(name: string, unit: string, description: string, by: (counter: MetricCounter) => Report) =>
      by(meter.createCounter(name, unit, description)),
    spread: <Report>(name: HistogramName, unit: string, description: string, by: (spread: MetricHistogram) => Report) =>
      by(meter.createHistogram(name, unit === 'seconds' ? 'float' : 'int', unit, description)),
  };
}

/** One report that goes to two metrics. */
export const both =
  <Values extends unknown[]>(one: (...values: Values) => void, other: (...values: Values) => void) =>
  (...values: Values): void => {
    one(...values);
    other(...values);
  };
