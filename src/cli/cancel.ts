import type { Command } from 'commander';
import { cancel } from '../client';
import { admit, refuseCommandId, refuseRef } from '../message/admission';
import type { MessageRef } from '../message/contract';
import { answerText, exitCodeOf } from './answer-text';
import { withClient } from './connections';
import { run } from './exit';
import { refOf, withExample, withRef } from './options';
import { print, printJson } from './output';

type Options = MessageRef & { reason?: string; commandId?: string; json?: boolean };

const EXAMPLE = "cancel --topic payment-request.expiry --tenant acme --key pr-42 --reason 'paid in cash'";

export function addCancel(program: Command): void {
  const command = withRef(program.command('cancel'))
    .description('cancel a message; its business row stays as it is')
    .option('--reason <text>', 'why, for the ledger')
    .option('--command-id <id>', 'the same one when a call is repeated');
  withExample(command, EXAMPLE).action((options: Options) => run(cancelOne(options)));
}

async function cancelOne({ reason, commandId, json, ...options }: Options) {
  const ref = refOf(options);
  admit(refuseRef(ref) ?? (commandId === undefined ? undefined : refuseCommandId(commandId)));
  return withClient(async (client) => {
    const answer = await cancel(client, ref, { reason, commandId });
    if (json) printJson(answer);
    else print(answerText(answer));
    return exitCodeOf(answer);
  });
}
