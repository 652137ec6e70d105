import { withBurst } from '../../chaos/plan/burst-plan';
import type { PlannedFault } from '../../chaos/plan/fault-plan';
import { lostTimersPlan, outagePlan } from '../../chaos/plan/measure-plans';
import { planOf } from '../../chaos/plan/plan';

const EVERY_KIND = [
  ...['kill', 'pause', 'link', 'loseTimers', 'fillDisk', 'shiftClock'],
  ...['crashPostgres', 'crashTemporal', 'crashTemporalDatabase', 'crashEverything', 'stranger'],
];
const kindsOf = (faults: PlannedFault[]) => [...new Set(faults.map(({ kind }) => kind))].sort();

it('a seed is a plan: the same one each time, and another one for another seed', () => {
  expect(planOf(7, 2)).toEqual(planOf(7, 2));
  expect(planOf(7, 2)).not.toEqual(planOf(8, 2));
});

it.each([7, 11, 4711])('ten minutes of seed %i have enough of each fault, and messages of each kind', (seed) => {
  const { faults, producers } = planOf(seed, 10);
  const of = (...kinds: string[]) => faults.filter(({ kind }) => kinds.includes(kind));
  expect(kindsOf(faults)).toEqual(EVERY_KIND.sort());
  expect(of('kill', 'crashPostgres', 'crashTemporal').length).toBeGreaterThanOrEqual(40);
  expect(of('link').length).toBeGreaterThanOrEqual(20);
  // One that is stopped for longer than its activities' heartbeat timeout, and wakes again.
  expect(of('pause').some(({ forMs }) => forMs > 42_000)).toBe(true);
  const modes = new Set(faults.flatMap((fault) => (fault.kind === 'link' ? [fault.mode] : [])));
  expect([...modes].sort()).toEqual(['blackHole', 'delay', 'dropReplyToCommit', 'refuse', 'reset']);

  const requests = producers.flatMap((producer) => producer.requests);
  const beats = producers.flatMap((producer) => producer.beats);
  const all = [...requests, ...beats];
  expect(all.length).toBeGreaterThanOrEqual(2_000);
  expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
  for (const what of ['pay', 'cancel', 'extend']) {
    expect(requests.filter(({ command }) => command?.what === what).length).toBeGreaterThan(100);
  }
  for (const what of ['cancel', 'move']) {
    expect(beats.filter(({ command }) => command?.what === what).length).toBeGreaterThan(10);
  }
  for (const temper of ['sound', 'flaky', 'poison']) expect(beats.map((one) => one.temper)).toContain(temper);
});

it.each([1, 2, 3, 4, 5, 6, 7, 8])('whatever the seed (%i), all is healed before the end', (seed) => {
  for (const minutes of [1, 2, 10]) {
    const { faults } = planOf(seed, minutes);
    expect(faults.length).toBeGreaterThan(5 * minutes);
    for (const { atMs, forMs } of faults) expect(atMs + forMs).toBeLessThan(minutes * 60_000);
  }
});

it('messages of an outage are due within it, and have been posted before', () => {
  const { faults, producers } = outagePlan('temporal');
  const [{ atMs, forMs }] = faults as [PlannedFault];
  const messages = producers.flatMap(({ requests, beats }) => [...requests, ...beats]);
  for (const message of messages) expect(message.atMs).toBeLessThan(atMs);
  const within = messages.filter((one) => one.atMs + one.dueInMs > atMs && one.atMs + one.dueInMs < atMs + forMs);
  expect(within.length).toBeGreaterThan(0.9 * messages.length);
});

it('the timers of each message are lost after it was posted and before it is due', () => {
  const { faults, producers } = lostTimersPlan();
  for (const { atMs, dueInMs } of producers.flatMap(({ requests, beats }) => [...requests, ...beats])) {
    expect(faults.some((loss) => loss.atMs > atMs && loss.atMs < atMs + dueInMs)).toBe(true);
  }
});

it('a burst is due at one instant, posted well before it by both producers, beside all that the seed has', () => {
  const plan = planOf(7, 2);
  const { faults, producers } = withBurst(plan, 500);
  expect(faults).toEqual(plan.faults);
  const all = producers.flatMap(({ requests, beats }) => [...requests, ...beats]);
  expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
  const burst = all.filter(({ id }) => id.startsWith('burst-'));
  expect(all.length - burst.length).toBe(
    plan.producers.flatMap(({ requests, beats }) => [...requests, ...beats]).length,
  );
  expect(burst.filter(({ id }) => id.startsWith('burst-p'))).toHaveLength(500);
  expect(burst.filter(({ id }) => id.startsWith('burst-b'))).toHaveLength(10);
  expect([...new Set(burst.map(({ atMs, dueInMs }) => atMs + dueInMs))]).toEqual([90_000]);
  expect(Math.min(...burst.map(({ dueInMs }) => dueInMs))).toBeGreaterThanOrEqual(30_000);
  for (const { requests } of producers) {
    expect(requests.filter(({ id }) => id.startsWith('burst-'))).toHaveLength(250);
  }
});
