import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { run } from '../../local/processes';
import { dashboards } from '../../monitoring/dashboards';
import { documentedMetrics } from '../support/metrics-page';
import { readPromql, unknownIn } from '../support/promql';

interface Panel {
  id: number;
  title: string;
  type: string;
  gridPos: { x: number; y: number; w: number; h: number };
  datasource?: { uid: string };
  targets?: { expr: string; datasource: { uid: string } }[];
}

const GRAFANA = join(__dirname, '..', '..', 'monitoring', 'grafana');
const whereThereIsPromtool = process.env.POSTDATE_TEST_PROMTOOL ? it : it.skip;

const boards = dashboards.map(({ file, text }) => ({ file, text, board: JSON.parse(text) }));
const panelsOf = (board: { panels: Panel[] }): Panel[] => board.panels.filter(({ type }) => type !== 'row');
/** As Prometheus is asked: Grafana puts its choices and its interval in. */
const asked = (expr: string) => expr.replaceAll('$__rate_interval', '5m').replaceAll(/\$(topic|queue)\b/g, '.*');
const expressions = boards.flatMap(({ board }) =>
  panelsOf(board).flatMap(({ targets = [] }) => targets.map(({ expr }) => asked(expr))),
);

it.each(boards)('$file is as its description makes it: npm run dashboards', async ({ file, text }) => {
  expect(await readFile(file, 'utf8')).toBe(text);
});

it.each(boards)('$file: its panels have ids of their own, and none lies on another', ({ board }) => {
  const { panels } = board as { panels: Panel[] };
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
  );
  expect(new Set(cells).size).toBe(cells.length);
  expect(panels.filter(({ gridPos: { x, w } }) => x + w > 24)).toEqual([]);
});

it('every panel asks the one source that is provisioned, by its name', async () => {
  const { datasources } = parse(await readFile(join(GRAFANA, 'provisioning', 'datasources', 'prometheus.yml'), 'utf8'));
  const named = boards.flatMap(({ board }) =>
    panelsOf(board).flatMap(({ datasource, targets = [] }) => [datasource, ...targets.map((one) => one.datasource)]),
  );
  expect(named.length).toBeGreaterThan(80);
  expect([...new Set(named.map((source) => source?.uid))]).toEqual([datasources[0].uid]);
});

it('every expression asks for metrics and labels of docs/metrics.md', () => {
  expect(expressions.length).toBeGreaterThan(50);
  expect(expressions.flatMap(unknownIn)).toEqual([]);
});

it('every metric of the page is shown', () => {
  const shown = new Set(expressions.flatMap((one) => readPromql(one).asked.map(({ metric }) => metric)));
  expect(documentedMetrics().filter(({ name }) => !shown.has(name))).toEqual([]);
});

whereThereIsPromtool('every expression is one that Prometheus understands (promtool)', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'postdate-test-'));
  const check = async (all: string[]) => {
    const file = join(folder, 'rules.yml');
    const rules = all.map((expr, index) => ({ record: `dashboard:${index}`, expr }));
    await writeFile(file, JSON.stringify({ groups: [{ name: 'dashboards', rules }] }));
    return run(process.env.POSTDATE_TEST_PROMTOOL as string, ['check', 'rules', file], { timeoutMs: 60_000 });
  };
  try {
    expect(await check(expressions)).toContain(`${expressions.length} rules found`);
    await expect(check([...expressions, 'sum by (topic) (postdate_held_messages'])).rejects.toThrow('parse error');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
