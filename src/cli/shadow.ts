import type { Command } from 'commander';
import type { RowDifference } from '../delivery/lanes/shadow/compare-rows';
import type { FieldDifferences } from '../delivery/lanes/shadow/diff-fields';
import { type ShadowExample, type ShadowSummary, summariseComparisons } from '../delivery/lanes/shadow/summary';
import type { NotCompared } from '../delivery/lanes/shadow/trial';
import { admit } from '../message/admission';
import { refuseLaneName } from '../message/lane-name';
import type { Topic } from '../topics/topic';
import { withPool } from './connections';
import { type ExitCode, run } from './exit';
import { instant, topicNamed, wholeFromOne, withExample } from './options';
import { oneLine, print, printJson } from './output';

interface Options {
  topic: string;
  lane: string;
  since?: Date;
  limit: number;
}

export function addShadow(program: Command, topics: Topic[]): void {
  const shadow = withExample(
    program.command('shadow').description('what a lane in shadow mode would have done otherwise than stable: diff'),
    'shadow diff --topic payment-request.expiry --lane v2',
  );
  shadow
    .command('diff')
    .description('the differences by kind, with examples; exit code 1 if there are any')
    .requiredOption('--topic <topic>', 'its topic')
    .requiredOption('--lane <lane>', 'the lane')
    .option('--since <instant>', 'what was compared from then on, for example since its last release', instant)
    .option('--limit <number>', 'at most so many examples, the latest first', wholeFromOne, 10)
    .action((options: Options) => run(diff(topics, options, shadow.opts<{ json?: boolean }>().json === true)));
}

async function diff(topics: Topic[], { topic, lane, since, limit }: Options, json: boolean): Promise<ExitCode> {
  topicNamed(topics, topic);
  admit(refuseLaneName(lane));
  return withPool(async (pool) => {
    const summary = await summariseComparisons(pool, { topic, lane, since }, limit);
    if (json) printJson(summary);
    else for (const line of linesOf(summary)) print(line);
    return summary.different > 0 ? 1 : 0;
  });
}

function linesOf({ compared, different, kinds, notCompared, withoutRows, examples }: ShadowSummary): string[] {
  const byKind = Object.entries(kinds).map(([kind, messages]) => `${kind} ${messages}`);
  return [
    `${compared} compared, ${different} different${byKind.length > 0 ? `: ${byKind.join(', ')}` : ''}`,
    ...(withoutRows > 0 ? [`rows were not compared in ${withoutRows}: their topic declares none as observed`] : []),
    ...Object.entries(notCompared).map(
      ([why, messages]) => `${messages} not compared: ${WHY[why as NotCompared] ?? why}`,
    ),
    ...examples.flatMap(exampleLines),
  ];
}

const WHY: Record<NotCompared, string> = {
  undecided: 'stable had not landed them 30 s after they were due',
  withdrawn: 'they were cancelled or moved',
  notByStable: 'another lane landed them',
  readTooLate: 'they were due before their rows could be read',
  changedMeanwhile: 'their rows were changed by others just before they landed',
  notPutBack: 'their rows could not be made again what they were before',
  locked: 'others had locked their rows',
  gaveWay: 'others waited for rows that the shadow had locked',
};

function exampleLines({ tenant, key, cycle, build, comparedAt, kinds, notCompared, detail }: ShadowExample): string[] {
  const { answer, events = [], rows = [], failed, because } = detail;
  const name = `${tenant}/${key}  cycle ${cycle}`;
  return [
    '',
    oneLine(
      `${comparedAt}  ${name}  ${notCompared ? 'not compared' : kinds.join(', ')}${build ? `  build ${build}` : ''}`,
    ),
    ...[failed, because].flatMap((error) => (error ? [`  ${oneLine(`threw ${errorWords(error)}`)}`] : [])),
    ...fieldLines('answer', answer && inOrder(answer)),
    ...events.flatMap(({ type, only, fields }) =>
      only ? [`  event ${type}: ${only} only`] : fieldLines(`event ${type}`, fields),
    ),
    ...rows.flatMap(rowLines),
  ];
}

// jsonb does not keep the order of fields.
const inOrder = ({ outcome, nextDueAt, reason }: FieldDifferences): FieldDifferences =>
  Object.fromEntries(
    Object.entries({ outcome, nextDueAt, reason }).flatMap(([name, one]) => (one ? [[name, one]] : [])),
  );

function rowLines({ table, key, stable, shadow, fields }: RowDifference): string[] {
  const name = `${table} ${key.join('/')}`;
  const changes = stable === shadow ? [] : [`  ${oneLine(`${name}: stable ${stable}, shadow ${shadow}`)}`];
  return [...changes, ...fieldLines(name, fields)];
}

const fieldLines = (of: string, fields: FieldDifferences = {}): string[] =>
  Object.entries(fields).map(
    ([field, { stable = '–', shadow = '–' }]) => `  ${oneLine(`${of} ${field}: stable ${stable}, shadow ${shadow}`)}`,
  );

const errorWords = ({
  type,
  code,
  message,
  table,
  constraint,
  at = [],
}: NonNullable<ShadowExample['detail']['failed']>) =>
  [type, code, message, table, constraint, at[0]].filter((word) => word !== undefined).join(' ');
