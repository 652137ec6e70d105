const UNITS: [string, number][] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
];

/** Milliseconds as text for people, in the largest unit of which there is at least one. */
export function duration(ms: number): string {
  const [unit, unitMs] = UNITS.find(([, one]) => ms >= one) ?? ['ms', 1];
  const amount = ms / unitMs;
  return `${amount < 10 && unit !== 'ms' ? amount.toFixed(1) : Math.round(amount)} ${unit}`;
}
