export interface Percentiles {
  p50: number;
  p90: number;
  p99: number;
  max: number;
}

/** The smallest sample that at least this share (0 to 1) of all samples does not exceed: a value that really occurred. */
export function nearestRank(sorted: number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export const ascending = (samples: number[]): number[] => [...samples].sort((a, b) => a - b);

/** Promises percentiles by nearest rank over all samples; without any sample they are NaN, which JSON writes as null. */
export function percentilesOf(samples: number[]): Percentiles {
  const sorted = ascending(samples);
  const [p50, p90, p99, max] = [0.5, 0.9, 0.99, 1].map((share) => rounded(nearestRank(sorted, share)));
  return { p50, p90, p99, max } as Percentiles;
}

/** Promises the samples' percentiles 1 to 100: enough to draw the curve again without the samples. */
export function curveOf(samples: number[]): number[] {
  const sorted = ascending(samples);
  if (sorted.length === 0) return [];
  return Array.from({ length: 100 }, (_, index) => rounded(nearestRank(sorted, (index + 1) / 100)));
}

export function median(samples: number[]): number {
  return nearestRank(ascending(samples), 0.5);
}

/** Promises a duration as a person reads it. */
export function readableMs(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || Number.isNaN(ms)) return '–';
  if (Math.abs(ms) < 10) return `${ms.toFixed(1)} ms`;
  return Math.abs(ms) < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

// Microseconds are what PostgreSQL's clock gives; more digits would only be noise in the file.
const rounded = (ms: number): number => Math.round(ms * 1000) / 1000;
