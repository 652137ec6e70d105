import type { Command } from 'commander';
import { move } from '../client';
import { admit, refuseCommandId, refuseCycle, refuseDueAt, refuseRef } from '../message/admission';
import type { MessageRef } from '../message/contract';
import { answerText, exitCodeOf } from './answer-text';
import { withClient } from './connections';
import { run } from './exit';
import { DUE, dueTime, refOf, withExample, withRef } from './options';
import { print, printJson } from './output';

type Options = MessageRef & {
  due: string;
  expectedCycle?: number;
  dueBefore2000?: boolean;
  commandId?: string;
  json?: boolean;
};

const EXAMPLE = 'move --topic payment-request.expiry --tenant acme --key pr-42 --due +14d';

export function addMove(program: Command): void {
  const command = withRef(program.command('move'))
    .description('give a message another due time; its business row stays as it is')
    .requiredOption('--due <instant>', `when it is due from now on: ${DUE}; what is past is delivered at once`)
    .option('--expected-cycle <number>', 'only if it is in this cycle', Number)
    .option('--due-before2000', 'it may be due before the year 2000')
    .option('--command-id <id>', 'the same one when a call is repeated');
  withExample(command, EXAMPLE).action((options: Options) => run(moveOne(options)));
}

async function moveOne({ due, expectedCycle, dueBefore2000, commandId, json, ...options }: Options) {
  const ref = refOf(options);
  const dueAt = dueTime(due);
  admit(
    refuseRef(ref) ??
      refuseDueAt({ dueAt, dueBefore2000 }, Date.now()) ??
      (commandId === undefined ? undefined : refuseCommandId(commandId)) ??
      (expectedCycle === undefined ? undefined : refuseCycle(expectedCycle, 'expectedCycle')),
  );
  return withClient(async (client) => {
    const answer = await move(client, ref, { dueAt, expectedCycle, dueBefore2000, commandId });
    if (json) printJson(answer);
    else print(answerText(answer));
    return exitCodeOf(answer);
  });
}
