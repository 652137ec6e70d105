import { setTimeout as pause } from 'node:timers/promises';

/** The server's counters at one moment: each name with its series, by their labels. */
export type ServerMetrics = Map<string, { labels: string; value: number }[]>;

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;

// The server hands its counters to the endpoint once a second.
const REPORTED_MS = 2_000;

/** Promises what the server's Prometheus endpoint says of all that has happened until now. */
export async function scrape(url: string): Promise<ServerMetrics> {
  await pause(REPORTED_MS);
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  const metrics: ServerMetrics = new Map();
  for (const line of (await response.text()).split('\n')) {
    const [, name, labels = '', value] = LINE.exec(line) ?? [];
    if (name === undefined) continue;
    const series = metrics.get(name) ?? [];
    series.push({ labels, value: Number(value) });
    metrics.set(name, series);
  }
  return metrics;
}

/** The sum of all series of this name that carry these labels; 0 where the server has counted none yet. */
export function total(metrics: ServerMetrics, name: string, ...wanted: string[]): number {
  const series = (metrics.get(name) ?? []).filter(({ labels }) => wanted.every((label) => labels.includes(label)));
  return series.reduce((sum, { value }) => sum + value, 0);
}
