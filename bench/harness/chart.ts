import { type Axis, linearAxisFor, logMsAxis, logMsAxisFor, percentAxis, placeOn } from './chart-scale';
import { ascending } from './lateness';

export interface Point {
  x: number;
  y: number;
  /** Written beside the point. */
  text?: string;
}

export interface Series {
  name: string;
  points: Point[];
}

export interface ChartOptions {
  title: string;
  /** A line below the title: how many, on what. */
  subtitle: string;
  x: Axis;
  y: Axis;
  series: Series[];
  lines: boolean;
  dots: boolean;
}

// Told apart also by those who do not see all colours (Okabe and Ito), dark enough for a light background; where there
// are more series than colours the later ones are dashed.
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#8e4a7d', '#444444', '#b8860b', '#3a9bd1'];
const WIDTH = 1080;
const PLOT = { left: 78, top: 74, width: 600, height: 380 };
const HEIGHT = PLOT.top + PLOT.height + 62;

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const tenth = (value: number) => Math.round(value * 10) / 10;

/** Promises an SVG image of these series that can be read without its page: title, axes with units, legend. */
export function drawChart({ title, subtitle, x, y, series, lines, dots }: ChartOptions): string {
  const left = (value: number) => tenth(PLOT.left + placeOn(x, value) * PLOT.width);
  const top = (value: number) => tenth(PLOT.top + (1 - placeOn(y, value)) * PLOT.height);
  const bottom = PLOT.top + PLOT.height;
  const right = PLOT.left + PLOT.width;
  const text = (at: [number, number], words: string, more = '') =>
    `<text x="${at[0]}" y="${at[1]}" ${more}>${escaped(words)}</text>`;
  const grid = [
    ...x.marks.flatMap(({ at, text: words }) => [
      `<line x1="${left(at)}" y1="${PLOT.top}" x2="${left(at)}" y2="${bottom}" stroke="#e2e2e2"/>`,
      text([left(at), bottom + 18], words, 'text-anchor="middle"'),
    ]),
    ...y.marks.flatMap(({ at, text: words }) => [
      `<line x1="${PLOT.left}" y1="${top(at)}" x2="${right}" y2="${top(at)}" stroke="#e2e2e2"/>`,
      text([PLOT.left - 8, top(at) + 4], words, 'text-anchor="end"'),
    ]),
  ];
  const drawn = series.flatMap(({ name, points }, index) => {
    const colour = COLOURS[index % COLOURS.length];
    const dash = index < COLOURS.length ? '' : ' stroke-dasharray="6 4"';
    const path = points.map((point) => `${left(point.x)},${top(point.y)}`).join(' ');
    const legendTop = PLOT.top + 10 + index * 24;
    return [
      ...(lines ? [`<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"${dash}/>`] : []),
      ...points.flatMap((point) => [
        ...(dots ? [`<circle cx="${left(point.x)}" cy="${top(point.y)}" r="4" fill="${colour}"/>`] : []),
        ...(point.text ? [text([left(point.x) + 7, top(point.y) - 6], point.text, `fill="${colour}"`)] : []),
      ]),
      `<line x1="${right + 20}" y1="${legendTop}" x2="${right + 46}" y2="${legendTop}" stroke="${colour}" stroke-width="3"${dash}/>`,
      text([right + 54, legendTop + 4], name),
    ];
  });
  const middle = PLOT.top + PLOT.height / 2;
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" font-family="system-ui, sans-serif" font-size="12" fill="#222222">`,
    // For those who have it read to them.
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    text([PLOT.left, 30], title, 'font-size="18" font-weight="600"'),
    text([PLOT.left, 52], subtitle, 'fill="#555555"'),
    ...grid,
    `<rect x="${PLOT.left}" y="${PLOT.top}" width="${PLOT.width}" height="${PLOT.height}" fill="none" stroke="#999999"/>`,
    ...drawn,
    text([PLOT.left + PLOT.width / 2, bottom + 46], x.label, 'text-anchor="middle" font-size="13"'),
    text([20, middle], y.label, `text-anchor="middle" font-size="13" transform="rotate(-90 20 ${middle})"`),
    '</svg>',
  ].join('\n')}\n`;
}

/** Promises one cumulative curve per series: what share had happened by how late, from 1 ms to 1,000 s. */
export function cumulativeChart(
  heading: { title: string; subtitle: string; xLabel: string },
  curves: { name: string; samplesMs: number[] }[],
): string {
  const series = curves.map(({ name, samplesMs }) => ({ name, points: cumulative(samplesMs) }));
  const axes = { x: logMsAxis(heading.xLabel, 1, 1_000_000), y: percentAxis('share of messages') };
  return drawChart({ ...heading, ...axes, series, lines: true, dots: false });
}

/** Promises lines through labelled points, the axes fitted to them; logarithmic ones are of milliseconds. */
export function lineChart(
  heading: { title: string; subtitle: string; lines?: boolean },
  x: { label: string; logMs?: boolean },
  y: { label: string; logMs?: boolean },
  series: Series[],
): string {
  const axis = ({ label, logMs }: typeof x, values: number[]) => (logMs ? logMsAxisFor : linearAxisFor)(label, values);
  const all = series.flatMap(({ points }) => points);
  const axes = {
    x: axis(
      x,
      all.map((point) => point.x),
    ),
    y: axis(
      y,
      all.map((point) => point.y),
    ),
  };
  return drawChart({ lines: true, ...heading, ...axes, series, dots: true });
}

/** Promises the points alone. */
export const scatterChart = (
  heading: { title: string; subtitle: string },
  ...rest: [x: Parameters<typeof lineChart>[1], y: Parameters<typeof lineChart>[2], series: Series[]]
): string => lineChart({ ...heading, lines: false }, ...rest);

// Steps, not slopes: nothing happened between two samples. Some 300 of them are all that the eye can tell.
function cumulative(samplesMs: number[]): Point[] {
  const sorted = ascending(samplesMs);
  const stride = Math.max(1, Math.floor(sorted.length / 300));
  const points: Point[] = [{ x: sorted[0] ?? 1, y: 0 }];
  sorted.forEach((x, index) => {
    if (index % stride !== 0 && index !== sorted.length - 1) return;
    points.push({ x, y: points.at(-1)?.y ?? 0 }, { x, y: ((index + 1) / sorted.length) * 100 });
  });
  return points;
}
