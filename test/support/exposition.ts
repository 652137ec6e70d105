/** A metric as an endpoint of Prometheus shows it. */
export interface Exposed {
  type: string;
  /** Labels of all its series, without the bounds of buckets. */
  labels: Set<string>;
}

const OF_HISTOGRAM = /_(bucket|sum|count)$/;

/** Reads the text format: each metric by its name; a histogram under the one that its parts have in common. */
export function readExposition(text: string): Map<string, Exposed> {
  const types = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]));
  const metrics = new Map<string, Exposed>();
  for (const [, series = '', labels = ''] of text.matchAll(/^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? \S+$/gm)) {
    const name = types.has(series) ? series : series.replace(OF_HISTOGRAM, '');
    const known = metrics.get(name) ?? { type: types.get(name) ?? 'untyped', labels: new Set() };
    for (const [, label = ''] of labels.matchAll(/(\w+)="(?:[^"\\]|\\.)*"/g))
      if (label !== 'le') known.labels.add(label);
    metrics.set(name, known);
  }
  return metrics;
}
