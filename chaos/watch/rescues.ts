import { setTimeout as pause } from 'node:timers/promises';

/** What was landed or woken by nothing but the sweep, by topic and reason; and what the roll call found missing. */
export interface Rescues {
  [what: string]: number;
}

const COUNTERS = /^postdate_(rescued|missing)_messages_total\{(.*)\} (\d+)$/gm;

/**
 * Adds up the workers' counters until stopped. A worker that is killed takes with it what it counted since the last look, so
 * these are the least that there were.
 */
export function countRescues(metricsUrls: string[]): { stop(): Promise<Rescues> } {
  const totals: Rescues = {};
  const last = new Map<string, number>();
  let stopped = false;

  async function look(url: string): Promise<void> {
    const text = await (await fetch(url, { signal: AbortSignal.timeout(1_000) })).text();
    for (const [, counter, labels = '', value] of text.matchAll(COUNTERS)) {
      const of = (label: string) => new RegExp(`\\b${label}="([^"]*)"`).exec(labels)?.[1];
      const name = [of('topic'), counter === 'missing' ? 'missing' : of('reason')].join(' ');
      const now = Number(value);
      const before = last.get(`${url} ${name}`) ?? 0;
      // A counter that has fallen began again from 0.
      totals[name] = (totals[name] ?? 0) + (now < before ? now : now - before);
      last.set(`${url} ${name}`, now);
    }
  }

  const lookAtAll = () => Promise.all(metricsUrls.map((url) => look(url).catch(() => undefined)));
  const running = (async () => {
    while (!stopped) {
      await lookAtAll();
      await pause(500);
    }
  })();
  return {
    async stop() {
      stopped = true;
      await running;
      await lookAtAll();
      return totals;
    },
  };
}
