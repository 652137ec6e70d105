import type { Command } from 'commander';
import { type Answered, type ForwardAnswer, recordAnswer, refuseAnswer } from '../events/answers/answer';
import { admit, refuseCycle, refuseDueAt, refuseRef } from '../message/admission';
import type { MessageRef } from '../message/contract';
import { rfc3339 } from '../message/due-time';
import { withPool } from './connections';
import { type ExitCode, run } from './exit';
import { DUE, dueTime, refOf, withExample, withRef } from './options';
import { print, printJson } from './output';

type Options = MessageRef & { cycle: number; do: string; due?: string; reason?: string; json?: boolean };

const EXAMPLE = 'answer --topic orders.reminder --tenant acme --key order-7 --cycle 1 --do again --due +1d';

export function addAnswer(program: Command): void {
  const command = withRef(program.command('answer'))
    .description('answer a message that was put on the stream, in the place of its consumer; the first answer stands')
    .requiredOption('--cycle <number>', 'which cycle of it', Number)
    .requiredOption('--do <what>', 'done, again or failed')
    .option('--due <instant>', `of again: when it is due in its next cycle: ${DUE}`)
    .option('--reason <text>', 'of failed: why');
  withExample(command, EXAMPLE).action((options: Options) => run(answerOne(options)));
}

async function answerOne({ cycle, due, reason, json, ...options }: Options): Promise<ExitCode> {
  const ref = refOf(options);
  const dueAt = due === undefined ? undefined : dueTime(due);
  if (dueAt !== undefined) admit(refuseDueAt({ dueAt }, Date.now()));
  const given = {
    do: options.do,
    ...(dueAt === undefined ? {} : { dueAt: rfc3339(dueAt) }),
    ...(reason === undefined ? {} : { reason }),
  };
  admit(refuseRef(ref) ?? refuseCycle(cycle) ?? refuseAnswer(given));
  const answer = given as ForwardAnswer;
  return withPool(async (pool) => {
    const said = await recordAnswer(pool, { ...ref, cycle }, answer);
    if (json) printJson(said);
    else print(answeredText(said));
    return isAsGiven(said, answer) ? 0 : 1;
  });
}

function answeredText(said: Answered): string {
  if (said.result === 'tooLate')
    return `tooLate: it is in cycle ${said.cycle} already; postdate show says how it came there`;
  const { result, answeredAt, next, reason } = said;
  const detail = next ? `, due ${next.dueAt} in cycle ${next.cycle}` : reason ? `: ${reason}` : '';
  const what = result === 'answered' ? 'answered' : `answeredBefore, at ${answeredAt}:`;
  return `${what} ${said.do}${detail}`;
}

/** Whether the answer that stands is the one that this call gave. */
const isAsGiven = (said: Answered, { do: what, ...given }: ForwardAnswer): boolean =>
  said.result === 'answered' ||
  (said.result === 'answeredBefore' && said.do === what && (!('dueAt' in given) || said.next?.dueAt === given.dueAt));
