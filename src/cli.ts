import { Command, CommanderError } from 'commander';
import { addAnswer } from './cli/answer';
import { addApiKey } from './cli/api-key';
import { addAudit } from './cli/audit';
import { addCancel } from './cli/cancel';
import { addCount } from './cli/count';
import { addDoctor } from './cli/doctor';
import { addEvents } from './cli/events';
import { EXIT_CODES, fail } from './cli/exit';
import { addLane } from './cli/lane';
import { addLanes } from './cli/lanes';
import { addList } from './cli/list';
import { addMove } from './cli/move';
import { oneLine } from './cli/output';
import { addReconcile } from './cli/reconcile';
import { addRedrive } from './cli/redrive';
import { addReplay } from './cli/replay';
import { addSchedule } from './cli/schedule';
import { addShadow } from './cli/shadow';
import { addShow } from './cli/show';
import { addStuck } from './cli/stuck';
import { addTopics } from './cli/topics';
import { addUnanswered } from './cli/unanswered';
import { addWatch } from './cli/watch';
import { addWebhooks } from './cli/webhooks';
import { forwardTopicsOf } from './config';
import { type Installation, installed } from './installation';

const adders = [
  addSchedule,
  addCancel,
  addMove,
  addAnswer,
  addShow,
  addList,
  addCount,
  addWatch,
  addEvents,
  addReplay,
  addTopics,
  addLanes,
  addLane,
  addStuck,
  addUnanswered,
  addRedrive,
  addReconcile,
  addAudit,
  addShadow,
  addApiKey,
  addWebhooks,
];

/** The program with all of its commands, of an installation's topics and consumers. */
export function programOf(parts: Installation): Command {
  const program = new Command('postdate')
    .description('Sends messages to the future, and looks after them.')
    .option('--debug', 'say where an error comes from; the same as POSTDATE_LOG_LEVEL=debug')
    .on('option:debug', () => {
      process.env.POSTDATE_LOG_LEVEL = 'debug';
    })
    .addHelpText('after', `\n${EXIT_CODES}`)
    // Commands take these over from the program when they are added.
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(`${oneLine(text)}; see postdate --help\n`) });
  for (const add of adders) add(program, parts.topics);
  addDoctor(program, parts);
  return program;
}

/** Runs one command; how it went is the process's exit code. */
export async function postdate(args: string[], parts: Installation): Promise<void> {
  try {
    await programOf(parts).parseAsync(args, { from: 'user' });
  } catch (error) {
    // Commander has said it already. Its own codes tell only help from anything else.
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
    else fail(error);
  }
}

/** Runs the command line as a process of its own: one command, by the process's arguments. */
export function runCli(installation: Installation): void {
  // Nobody reads on, as in `postdate list | head`; what is printed from then on is for nobody.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  try {
    void postdate(process.argv.slice(2), installed({ forwardTopics: forwardTopicsOf(process.env) }, installation));
  } catch (error) {
    fail(error);
  }
}
