import type { MetricMeter, MetricTags } from '@temporalio/common';
import fastify from 'fastify';
import { countAnswers } from '../../src/http/answer-metrics';
import { HISTOGRAM_BUCKETS } from '../../src/platform/telemetry/instruments';
import { createMetrics, type Metrics } from '../../src/platform/telemetry/metrics';
import { documentedMetrics, isOurs } from '../support/metrics-page';

interface Made {
  name: string;
  type: string;
  unit: string;
  labels: Set<string>;
}

/** A meter that notes what is made with it, and with which labels it is used. */
function notingMeter() {
  const made: Made[] = [];
  const making = (type: string) => (name: string, unit: string) => {
    const one: Made = { name: type === 'counter' ? `${name}_total` : name, type, unit, labels: new Set() };
    made.push(one);
    const use = (_value: number, tags: MetricTags = {}) => {
      for (const label of Object.keys(tags)) one.labels.add(label);
    };
    return { add: use, set: use, record: use };
  };
  const [counter, gauge, histogram] = [making('counter'), making('gauge'), making('histogram')];
  const meter = {
    createCounter: counter,
    createGauge: (name: string, _valueType: string, unit: string) => gauge(name, unit),
    createHistogram: (name: string, _valueType: string, unit: string) => histogram(name, unit),
  };
  return { meter: meter as unknown as MetricMeter, made };
}

// One call of each, which gives all its labels.
const CALLS: { [Name in keyof Metrics]: Parameters<Metrics[Name]> } = {
  held: ['t', 1],
  due: ['t', true],
  neededLead: ['t', 1],
  late: ['t', 1],
  landed: ['t', 1, 1],
  decided: ['t', 'delivered'],
  landingFailed: ['t'],
  queued: ['t', 1],
  releasing: [1],
  takenOver: [1],
  missing: ['t', 1],
  fetched: ['t', 'list', 1],
  toWake: [1],
  rescued: ['t', 'notWoken', 1],
  unreadable: [],
  dispatched: ['t', 'scheduled'],
  oldestCommand: [1],
  setAside: ['c', 1],
  unanswered: ['t', 1],
  webhookTried: ['delivered'],
  webhookGivenUp: [],
  webhooksWaiting: [1, 1],
  published: ['nats', 1],
  backlog: ['nats', { events: 1, ageMs: 1 }],
  oldestEvent: [1],
  consumerLag: ['c', 1, 1],
  consumerStopped: ['c', 1],
  unsealed: [1],
  connections: ['used', 1],
  failed: ['relay'],
  unhandled: ['handler'],
  declareLane: ['t', 'canary'],
  laneLanded: ['t', 'canary'],
  laneFailed: ['t', 'canary'],
  laneFellBack: ['t', 'canary', 'failed', 1],
  laneStopped: ['t', 'canary'],
  malformedLaneRules: ['t', 1],
};

it('the page has every metric that the code makes, and no other: name, type, unit, labels', async () => {
  const { meter, made } = notingMeter();
  const metrics = createMetrics(meter);
  for (const [name, values] of Object.entries(CALLS))
    (metrics[name as keyof Metrics] as (...all: unknown[]) => void)(...values);
  const app = fastify();
  countAnswers(app, meter);
  await fetch(await app.listen({ host: '127.0.0.1', port: 0 }));
  await app.close();
  const ofCode = made.map(({ labels, ...one }) => ({ ...one, labels: [...labels].sort() }));
  const ofPage = documentedMetrics()
    .filter(isOurs)
    .map(({ name, type, unit, labels }) => ({ name, type, unit, labels: [...labels].sort() }));
  const byName = (one: { name: string }, other: { name: string }) => one.name.localeCompare(other.name);
  expect(ofCode.sort(byName)).toEqual(ofPage.sort(byName));
});

it('every histogram of ours has bounds of its own', () => {
  const histograms = documentedMetrics().filter((metric) => isOurs(metric) && metric.type === 'histogram');
  expect(Object.keys(HISTOGRAM_BUCKETS).sort()).toEqual(histograms.map(({ name }) => name).sort());
});

it('every line of the page says what it means, and how workers add up', () => {
  const lines = documentedMetrics();
  expect(lines.length).toBeGreaterThan(30);
  expect(lines.filter(({ over, meaning }) => !/^(sum|max)$/.test(over) || meaning.length < 5)).toEqual([]);
  expect(new Set(lines.map(({ name }) => name)).size).toBe(lines.length);
  // The control: a page with a line less is read as such.
  expect(documentedMetrics('| `x` | gauge | s | `topic` | sum | what |\n| none |')).toHaveLength(1);
});
