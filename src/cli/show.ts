import type { Command } from 'commander';
import { admit, refuseRef } from '../message/admission';
import type { MessageRef } from '../message/contract';
import { readStory, type Story } from '../operating/story/story';
import type { TimelineEntry } from '../operating/story/timeline-entry';
import { withClient, withPool } from './connections';
import { duration } from './duration';
import { run } from './exit';
import { nameOf, refOf, withExample, withRef } from './options';
import { print, printJson } from './output';
import { tableOf } from './table';

type Options = MessageRef & { json?: boolean };

const EXAMPLE = 'show --topic payment-request.expiry --tenant acme --key pr-42';

export function addShow(program: Command): void {
  const command = withRef(program.command('show')).description(
    'the whole story of a message: posted, moved by whom, held, landed, its events, late by; exit code 1 if there is none',
  );
  withExample(command, EXAMPLE).action((options: Options) => run(showOne(options)));
}

async function showOne({ json, ...options }: Options) {
  const ref = refOf(options);
  admit(refuseRef(ref));
  return withPool((pool) =>
    withClient(async (client) => {
      const story = await readStory({ client, pool }, ref);
      if (json) printJson(story ?? { ...ref, state: 'notFound', happenings: [] });
      else print(story ? storyText(story) : `notFound: neither Temporal nor the ledger knows ${nameOf(ref)}`);
      return story ? 0 : 1;
    }),
  );
}

function storyText(story: Story): string {
  const { state, cycle, dueAt, overdueByMs, unreadable, happenings, runsLeftOut } = story;
  const due = [dueAt && `due ${dueAt}`, overdueByMs && `overdue by ${duration(overdueByMs)}; postdate stuck says why`];
  const now = [state, cycle && `cycle ${cycle}`, ...due].filter(Boolean).join(', ');
  const cannot = unreadable ? [`not all of it can be read: ${unreadable}`] : [];
  const lines = [nameOf(story), now, ...cannot, '', tableOf(HEAD, happenings.map(rowOf), { cutLast: true })];
  if (runsLeftOut > 0) lines.push('', `${runsLeftOut} older runs are left out; the Web UI has them`);
  return lines.join('\n');
}

const HEAD = ['at', 'cycle', 'what', 'late by', 'by', 'detail'];
const rowOf = ({ at, cycle, what, lateByMs, by, detail }: TimelineEntry) => [
  at,
  cycle,
  what,
  lateByMs === undefined ? undefined : duration(lateByMs),
  by,
  detail,
];
