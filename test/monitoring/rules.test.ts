import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { checkRules } from '../../local/promtool';
import { unknownIn } from '../support/promql';

const ROOT = join(__dirname, '..', '..');
const read = (...path: string[]) => readFileSync(join(ROOT, ...path), 'utf8');

interface Rule {
  alert: string;
  expr: string;
  labels: { severity: string };
  annotations: { summary: string; runbook: string };
}
const rules: Rule[] = parse(read('monitoring', 'rules', 'postdate.yml')).groups.flatMap(
  (group: { rules: Rule[] }) => group.rules,
);
const tests: { alert_rule_test: { alertname: string; exp_alerts: object[] }[] }[] = parse(
  read('monitoring', 'rule-tests', 'postdate.yml'),
).tests;

// Where it cannot be had, the line of the test's set-up says why.
const whereThereIsPromtool = process.env.POSTDATE_TEST_PROMTOOL ? it : it.skip;

whereThereIsPromtool(
  'the rules are sound, and each alert fires, and is quiet, as its tests say (promtool)',
  async () => {
    await checkRules(process.env.POSTDATE_TEST_PROMTOOL as string);
  },
);

it.each(rules.map((rule) => [rule.alert, rule] as const))(
  '%s has a test in which it fires, and one in which it does not',
  (alert) => {
    const expected = tests.flatMap(({ alert_rule_test }) =>
      alert_rule_test.filter(({ alertname }) => alertname === alert),
    );
    expect(expected.map(({ exp_alerts }) => exp_alerts.length > 0).sort()).toEqual([false, true]);
  },
);

it('every alert says how grave it is, and has its paragraph in the operations page', () => {
  const headings = [...read('docs', 'operations.md').matchAll(/^### (\w+)\n\n(.+)$/gm)];
  const paragraphs = new Map(
    headings.map(([, heading = '', text = '']) => [`docs/operations.md#${heading.toLowerCase()}`, text]),
  );
  for (const { alert, labels, annotations } of rules) {
    expect({ alert, ...labels }).toEqual({ alert, severity: expect.stringMatching(/^(critical|warning)$/) });
    expect({ alert, runbook: annotations.runbook }).toEqual({
      alert,
      runbook: `docs/operations.md#${alert.toLowerCase()}`,
    });
    expect((paragraphs.get(annotations.runbook) ?? '').length).toBeGreaterThan(20);
  }
  // No paragraph of an alert that is gone.
  expect(headings.map(([, heading]) => heading)).toEqual(rules.map(({ alert }) => alert));
});

it('the rules ask only for metrics and labels that there are', () => {
  expect(rules.flatMap(({ expr }) => unknownIn(expr))).toEqual([]);
  // The control.
  expect(
    unknownIn('rate(postdate_lateness_bucket{le="1"}[5m]) > sum by (topc) (postdate_held_messages{topik="x"})'),
  ).toEqual(['postdate_lateness', 'postdate_held_messages: topik', 'topc']);
});
