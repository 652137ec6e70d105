/** A question to Prometheus, and what its answers are called; `{{label}}` stands for a label's value. */
export type Query = [promql: string, legend: string];

export interface Panel {
  title: string;
  kind: 'timeseries' | 'stat' | 'heatmap';
  /** As Grafana names it: `s`, `short`, `reqps`, `percentunit`. */
  unit: string;
  queries: Query[];
  says?: string;
  /** From here on it is shown in red. */
  red?: number;
}

/** Rows of panels, which share a row's width. */
export interface Row {
  title: string;
  panels: Panel[];
}

export interface Dashboard {
  uid: string;
  title: string;
  /** A choice at the top of the page: all values of a label. */
  choice: { name: string; label: string; metric: string };
  rows: Row[];
}

// provisioning/datasources/prometheus.yml gives it this name.
const DATASOURCE = { type: 'prometheus', uid: 'postdate-prometheus' };
const WIDTH = 24;
const HEIGHTS = { timeseries: 8, stat: 4, heatmap: 8 };

const optionsOf = {
  timeseries: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } },
  stat: { colorMode: 'value', graphMode: 'area', reduceOptions: { calcs: ['lastNotNull'] } },
  heatmap: { calculate: false, color: { mode: 'scheme', scheme: 'Oranges', steps: 64 }, yAxis: { unit: 's' } },
};

function panelJson({ title, kind, unit, queries, says, red }: Panel, place: object) {
  const steps = [{ color: 'green', value: null }, ...(red === undefined ? [] : [{ color: 'red', value: red }])];
  return {
    type: kind,
    title,
    ...(says === undefined ? {} : { description: says }),
    datasource: DATASOURCE,
    gridPos: place,
    targets: queries.map(([expr, legendFormat], index) => ({
      refId: String.fromCharCode(65 + index),
      datasource: DATASOURCE,
      expr,
      legendFormat,
      ...(kind === 'heatmap' ? { format: 'heatmap' } : {}),
    })),
    fieldConfig: { defaults: { unit, min: 0, thresholds: { mode: 'absolute', steps } }, overrides: [] },
    options: optionsOf[kind],
  };
}

/** The dashboard as Grafana reads it from a file. */
export function dashboardText({ uid, title, choice, rows }: Dashboard): string {
  let y = 0;
  const panels = rows.flatMap((row) => {
    const heading = {
      type: 'row',
      title: row.title,
      collapsed: false,
      panels: [],
      gridPos: { x: 0, y, w: WIDTH, h: 1 },
    };
    const w = Math.floor(WIDTH / row.panels.length);
    const h = Math.max(...row.panels.map(({ kind }) => HEIGHTS[kind]));
    const placed = row.panels.map((panel, index) => panelJson(panel, { x: index * w, y: y + 1, w, h }));
    y += 1 + h;
    return [heading, ...placed];
  });
  const dashboard = {
    uid,
    title,
    tags: ['postdate'],
    schemaVersion: 41,
    editable: false,
    refresh: '30s',
    time: { from: 'now-3h', to: 'now' },
    templating: {
      list: [
        {
          type: 'query',
          name: choice.name,
          datasource: DATASOURCE,
          query: `label_values(${choice.metric}, ${choice.label})`,
          refresh: 2,
          multi: true,
          includeAll: true,
          allValue: '.*',
          current: { text: 'All', value: '$__all' },
        },
      ],
    },
    panels: panels.map((panel, index) => ({ id: index + 1, ...panel })),
  };
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}

/** A percentile of a histogram, over all workers; `by` keeps a label apart. */
export const percentile = (q: number, metric: string, selector: string, by?: string): string =>
  `histogram_quantile(${q}, sum by (${by ? `${by}, ` : ''}le) (rate(${metric}_bucket${selector}[$__rate_interval])))`;

/** How much a counter grows in a second, over all workers. */
export const perSecond = (metric: string, selector: string, by: string): string =>
  `sum by (${by}) (rate(${metric}${selector}[$__rate_interval]))`;
