/** One axis: its label, whether it is logarithmic, its ends and where its marks are. */
export interface Axis {
  label: string;
  log?: boolean;
  from: number;
  to: number;
  marks: { at: number; text: string }[];
}

/** Where a value lies between the axis's ends, from 0 to 1; what lies outside is drawn at the nearer end. */
export function placeOn({ log, from, to }: Axis, value: number): number {
  const scaled = log ? Math.log(Math.max(value, from) / from) / Math.log(to / from) : (value - from) / (to - from);
  return Math.min(1, Math.max(0, scaled));
}

/** Promises a logarithmic axis of durations with a mark at each power of ten. */
export function logMsAxis(label: string, fromMs: number, toMs: number): Axis {
  const marks = [];
  for (let at = fromMs; at <= toMs * 1.000001; at *= 10)
    marks.push({ at, text: at < 1000 ? `${at} ms` : `${at / 1000} s` });
  return { label, log: true, from: fromMs, to: toMs, marks };
}

/** Promises a logarithmic axis of durations from the power of ten below these values to the one above. */
export function logMsAxisFor(label: string, valuesMs: number[]): Axis {
  const positive = valuesMs.filter((ms) => ms > 0);
  const fromMs = 10 ** Math.floor(Math.log10(Math.min(...positive)));
  const toMs = 10 ** Math.ceil(Math.log10(Math.max(...positive) * 1.000001));
  return logMsAxis(label, fromMs, toMs === fromMs ? fromMs * 10 : toMs);
}

/** A linear axis from zero with about five marks, at round numbers. */
export function linearAxisFor(label: string, values: number[], unit = ''): Axis {
  const highest = Math.max(...values, 0) || 1;
  const power = 10 ** Math.floor(Math.log10(highest / 5));
  const step = [1, 2, 5, 10].map((times) => times * power).find((one) => highest / one <= 6) ?? power * 10;
  const to = Math.ceil(highest / step) * step;
  const marks = [];
  for (let index = 0; index * step <= to * 1.000001; index += 1) {
    marks.push({ at: index * step, text: `${Number((index * step).toPrecision(6)).toLocaleString('en')}${unit}` });
  }
  return { label, from: 0, to, marks };
}

/** Promises the axis from 0 to 100 percent. */
export function percentAxis(label: string): Axis {
  return { label, from: 0, to: 100, marks: [0, 25, 50, 75, 100].map((at) => ({ at, text: `${at} %` })) };
}
