import { Command, CommanderError } from 'commander';
import { forwardSettingsOf } from '../process/config';
import { type Installation, installed } from '../process/installation';
import { addAnswer } from './answer';
import { addApiKey } from './api-key';
import { addAudit } from './audit';
import { addCancel } from './cancel';
import { addCount } from './count';
import { addDoctor } from './doctor';
import { addEvents } from './events';
import { EXIT_CODES, fail } from './exit';
import { addLane } from './lane';
import { addLanes } from './lanes';
import { addList } from './list';
import { addMove } from './move';
import { oneLine } from './output';
import { addReconcile } from './reconcile';
import { addRedrive } from './redrive';
import { addRefused } from './refused';
import { addReplay } from './replay';
import { addSchedule } from './schedule';
import { addShadow } from './shadow';
import { addShow } from './show';
import { addStuck } from './stuck';
import { addTopics } from './topics';
import { addUnanswered } from './unanswered';
import { addVisibilityIndexes } from './visibility-indexes';
import { addWatch } from './watch';
import { addWebhooks } from './webhooks';

const commands = [
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
  addRefused,
  addRedrive,
  addReconcile,
  addAudit,
  addShadow,
  addVisibilityIndexes,
  addApiKey,
  addWebhooks,
];

/** The program with all commands, for an installation's topics and consumers. */
export function programOf(parts: Installation): Command {
  const program = new Command('postdate')
    .description('Sends messages to the future, and looks after them.')
    .option('--debug', 'say where an error comes from; the same as POSTDATE_LOG_LEVEL=debug')
    .on('option:debug', () => {
      process.env.POSTDATE_LOG_LEVEL = 'debug';
    })
    .addHelpText('after', `\n${EXIT_CODES}`)
    // Commands inherit these two settings when they are added.
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(`${oneLine(text)}; see postdate --help\n`) });
  for (const add of commands) add(program, parts.topics);
  addDoctor(program, parts);
  return program;
}

/** Runs one command. The process's exit code says how it went. */
export async function postdate(args: string[], parts: Installation): Promise<void> {
  try {
    await programOf(parts).parseAsync(args, { from: 'user' });
  } catch (error) {
    // Commander has printed its error already. Its exit codes only distinguish help (0) from errors.
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
    else fail(error);
  }
}

/** Runs the command that the process's arguments name. */
export function runCli(installation: Installation): void {
  // The reader closed the pipe, as in `postdate list | head`: ignore EPIPE.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  try {
    void postdate(process.argv.slice(2), installed({ forwardTopics: forwardSettingsOf(process.env) }, installation));
  } catch (error) {
    fail(error);
  }
}
