import { type Command, Option } from 'commander';
import { z } from 'zod';
import { type ScheduleAnswer, schedule } from '../client';
import { admit, refuseCommandId } from '../message/admission';
import type { OptionalFields } from '../message/contract';
import { OPTIONAL_NAMES, optionalFields, optionalFieldsOf } from '../message/optional-fields';
import type { RepeatInput } from '../message/repeat';
import type { ScheduleOptions } from '../producing/post';
import { messageOf, ON_CONFLICT, type Post } from '../producing/post';
import type { Topic } from '../topics/topic';
import { answerText } from './answer-text';
import { withClient } from './connections';
import { type ExitCode, run } from './exit';
import { DUE, dueTime, topicNamed, withExample, withRef } from './options';
import { print, printJson } from './output';
import { type PayloadOptions, payloadOf } from './payload';

interface Options extends ScheduleOptions, OptionalFields, PayloadOptions {
  topic: string;
  tenant: string;
  key: string;
  due: string;
  cycle?: number;
  repeatEvery?: string;
  repeatCron?: string;
  zone?: string;
  until?: string;
  maxCycles?: number;
  missed?: RepeatInput['missed'];
  json?: boolean;
}

const EXAMPLE = 'schedule --topic payment-request.expiry --tenant acme --key pr-42 --cycle 1 --due +7d';

const onConflict = new Option('--on-conflict <what>', 'if it waits already').choices(ON_CONFLICT).default('reject');

export function addSchedule(program: Command, topics: Topic[]): void {
  const command = withOptionalFields(withRef(program.command('schedule')))
    .description('post a message to the future')
    .requiredOption('--due <instant>', `when it is due: ${DUE}`)
    .option('--payload <json>', 'its payload, or - for what is on standard input; without one it is {}')
    .option('--payload-file <file>', 'its payload as JSON in a file')
    .option('--cycle <number>', 'its cycle; needed where the topic has business rows', Number)
    .option('--repeat-every <duration>', 'comes again after each ISO 8601 duration, like P1M')
    .option('--repeat-cron <expression>', "comes again as cron says, like '0 9 * * MON'")
    .option('--zone <zone>', 'of its calendar, like Europe/Amsterdam')
    .option('--until <instant>', `the last that a repeated one may be due: ${DUE}`)
    .option('--max-cycles <number>', 'so often in all', Number)
    .option('--missed <which>', 'of repeated ones that were missed: once, skip or all')
    .addOption(onConflict)
    .option('--command-id <id>', 'the same one when a call is repeated');
  withExample(command, EXAMPLE).action((options: Options) => run(scheduleOne(topics, options)));
}

/** Adds an option for each optional field of a message, by its name. */
function withOptionalFields(command: Command): Command {
  for (const name of OPTIONAL_NAMES) {
    const field = optionalFields[name];
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    const description = field.description ?? '';
    if (field.unwrap() instanceof z.ZodBoolean) command.option(flag, description);
    else if (field.unwrap() instanceof z.ZodNumber) command.option(`${flag} <number>`, description, Number);
    else command.option(`${flag} <text>`, description);
  }
  return command;
}

async function scheduleOne(topics: Topic[], options: Options): Promise<ExitCode> {
  const { tenant, key, cycle, onConflict, commandId } = options;
  const post: Post<Topic['payload']> = {
    topic: topicNamed(topics, options.topic),
    tenant,
    key,
    dueAt: dueTime(options.due),
    payload: await payloadOf(options),
    cycle,
    repeat: repeatOf(options),
    ...optionalFieldsOf(options),
  };
  // Before it connects: bad input is refused even if no server can be reached.
  const message = messageOf(post);
  if (commandId !== undefined) admit(refuseCommandId(commandId));
  return withClient(async (client) => {
    const answer = await schedule(client, post, { onConflict, commandId });
    if (options.json) printJson({ ...answer, dueAt: new Date(message.dueAt).toISOString() });
    else print(wordsOf(answer, message.dueAt));
    return EXIT_CODES[answer.result];
  });
}

const EXIT_CODES = {
  scheduled: 0,
  kept: 0,
  moved: 0,
  rejected: 1,
  stale: 1,
  requested: 1,
} as const satisfies Record<ScheduleAnswer['result'], ExitCode>;

function wordsOf(answer: ScheduleAnswer, dueAt: number): string {
  const due = new Date(dueAt).toISOString();
  switch (answer.result) {
    case 'scheduled':
      return `scheduled  ${answer.workflowId}  due ${due}${answer.late ? ', which is past: it is delivered at once' : ''}`;
    case 'rejected':
      return 'rejected: it waits already; --on-conflict move gives it this due time, keep leaves it';
    case 'kept':
      return 'kept: it waits already, and stays as it is';
    default:
      return answerText(answer);
  }
}

function repeatOf({ repeatEvery, repeatCron, zone, until, maxCycles, missed }: Options): RepeatInput | undefined {
  const given = { every: repeatEvery, cron: repeatCron, zone, maxCycles, missed };
  if (until === undefined && Object.values(given).every((value) => value === undefined)) return undefined;
  return { ...given, until: until === undefined ? undefined : dueTime(until) };
}
