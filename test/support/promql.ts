import { documentedMetrics } from './metrics-page';

/** What a PromQL expression asks for: each metric, and the labels by which it is chosen. */
export interface Asked {
  metric: string;
  labels: string[];
}

const WORDS = new Set([
  'by',
  'without',
  'on',
  'ignoring',
  'and',
  'or',
  'unless',
  'bool',
  'offset',
  'group_left',
  'inf',
]);

/** The metrics of an expression, a histogram's parts under its own name; and the labels that results are grouped by. */
export function readPromql(expression: string): { asked: Asked[]; groupedBy: string[] } {
  const groupedBy: string[] = [];
  const bare = expression
    .replaceAll(/\b(?:by|without|on|ignoring) *\(([^)]*)\)/g, (_, labels: string) => {
      groupedBy.push(...(labels.match(/\w+/g) ?? []));
      return '';
    })
    .replaceAll(/"(?:[^"\\]|\\.)*"/g, '""');
  const asked: Asked[] = [];
  // A name before a bracket is a function's, and one within braces a label's; durations begin with a digit.
  for (const [, metric = '', selector = ''] of bare.matchAll(
    /(?<![\w{,$[])([a-zA-Z_:][\w:]*)(?![\w:]| *\()(?:\{([^}]*)\})?/g,
  )) {
    if (WORDS.has(metric)) continue;
    const labels = [...selector.matchAll(/(\w+) *(?:=~|!~|!=|=)/g)].map(([, label = '']) => label);
    asked.push({ metric: metric.replace(/_(bucket|sum|count)$/, ''), labels });
  }
  return { asked, groupedBy };
}

/** What an expression asks for that docs/metrics.md does not have: a metric, a label of one, a label to group by. */
export function unknownIn(expression: string): string[] {
  const labelsOf = new Map([
    ['up', ['job']],
    ...documentedMetrics().map(({ name, labels }) => [name, labels] as const),
  ]);
  const { asked, groupedBy } = readPromql(expression);
  const given = ['le', 'job', 'instance'];
  const known = asked.flatMap(({ metric }) => labelsOf.get(metric) ?? []);
  return [
    ...asked.flatMap(({ metric, labels }) => {
      const has = labelsOf.get(metric);
      if (!has) return [metric];
      return labels.filter((label) => ![...given, ...has].includes(label)).map((label) => `${metric}: ${label}`);
    }),
    ...groupedBy.filter((label) => ![...given, ...known].includes(label)),
  ];
}
