import type { Command } from 'commander';
import type { LaneMatch, LaneMode } from '../delivery/lanes/lane';
import { type RecordedChange, readLaneHistory } from '../delivery/lanes/lane-history';
import { type LaneState, readTopicLanes, type TopicLanes } from '../delivery/lanes/topic-lanes';
import type { Topic } from '../topics/topic';
import { withPool } from './connections';
import { type ExitCode, run } from './exit';
import { limitsText, matchText, rampText } from './lane-text';
import { topicNamed, wholeFromOne, withExample } from './options';
import { print, printJson } from './output';
import { tableOf } from './table';

interface Options {
  topic?: string;
  history?: boolean;
  limit: number;
  json?: boolean;
}

export function addLanes(program: Command, topics: Topic[]): void {
  const command = program
    .command('lanes')
    .description(
      'which release of a topic lands whose messages: its lanes, who serves them, their rules and how they do',
    )
    .option('--topic <topic>', 'of this topic only')
    .option('--history', 'who has changed what, and why, the latest first')
    .option('--limit <number>', 'of the history: at most so many', wholeFromOne, 50);
  withExample(command, 'lanes --topic payment-request.expiry').action((options: Options) =>
    run(showLanes(topics, options)),
  );
}

async function showLanes(topics: Topic[], { topic, history, limit, json }: Options): Promise<ExitCode> {
  if (topic !== undefined) topicNamed(topics, topic);
  return withPool(async (pool) => {
    if (history) {
      const changes = await readLaneHistory(pool, { topic, limit });
      if (json) printJson(changes);
      else print(changes.length > 0 ? historyOf(changes) : 'no changes');
      return 0;
    }
    const names = topics.map(({ name }) => name);
    const all = await readTopicLanes(pool, names, topic);
    if (json) printJson(all);
    else print(all.map(sectionOf).join('\n\n'));
    return 0;
  });
}

const HEAD = ['lane', 'mode', 'workers', 'builds', 'landed', 'failed', 'late p99', 'in the last', 'ramp'];

function sectionOf({ topic, version, lanes, rules, malformed }: TopicLanes): string {
  const parts = [`${topic}  version ${version}`, tableOf(HEAD, lanes.map(rowOf), { cutLast: true })];
  if (rules.length > 0) {
    const rows = rules.map(({ place, lane, match, author, reason }) => [place, lane, matchText(match), author, reason]);
    parts.push(tableOf(['place', 'lane', 'rule', 'author', 'reason'], rows, { cutLast: true }));
  }
  const limits = lanes.flatMap(({ lane, limits: own }) => (own ? `${lane} stops by itself at ${limitsText(own)}` : []));
  if (limits.length > 0) parts.push(limits.join('\n'));
  if (malformed.length > 0) {
    parts.push(malformed.map(({ id, lane, why }) => `rule ${id} of ${lane} is skipped: ${why}`).join('\n'));
  }
  return parts.join('\n\n');
}

const rowOf = ({ lane, mode, workers, builds, landed, failed, lateP99Ms, windowSeconds, ramp }: LaneState) => [
  lane,
  mode,
  workers,
  builds.join(', '),
  landed,
  failed,
  lateP99Ms === undefined ? '' : `${lateP99Ms} ms`,
  `${windowSeconds} s`,
  ramp ? rampText(ramp) : '',
];

const historyOf = (changes: RecordedChange[]) =>
  tableOf(
    ['at', 'topic', 'lane', 'what', 'version', 'author', 'then', 'reason'],
    changes.map(({ changedAt, topic, lane, what, version, author, after, reason }) => [
      ...[changedAt, topic, lane, what, version, author],
      thenOf(after as { mode: LaneMode | null; rules?: { match: LaneMatch }[] }),
      reason,
    ]),
    { cutLast: true },
  );

/** The lane's state after the change, as text. */
function thenOf({ mode, rules = [] }: { mode: LaneMode | null; rules?: { match: LaneMatch }[] }): string {
  const words = rules.map(({ match }) => matchText(match));
  return [...(mode ? [mode] : []), ...(words.length > 0 ? words : ['no rules'])].join('; ');
}
