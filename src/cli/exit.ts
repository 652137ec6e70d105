import { lineOf } from './failure';

/** A command's exit code. The help text explains each. */
export type ExitCode = 0 | 1 | 2;

export const EXIT_CODES = `Exit codes:
  0  done, or nothing wrong was found
  1  the answer is no, or not yet: rejected, stale, tooLate, requested, notFound, overtaken; or something wrong was found
  2  it could not be done, or the input was bad: one line on standard error says what to do`;

/** Runs a command and sets its exit code. An error becomes one line on standard error, and exit code 2. */
export async function run(command: Promise<ExitCode>): Promise<void> {
  try {
    process.exitCode = await command;
  } catch (error) {
    fail(error);
  }
}

/** Sets exit code 2, and prints one line that says what to do next. The stack follows only with --debug. */
export function fail(error: unknown): void {
  process.stderr.write(`error: ${lineOf(error)}\n`);
  if (process.env.POSTDATE_LOG_LEVEL === 'debug') process.stderr.write(`${(error as Error).stack}\n`);
  process.exitCode = 2;
}
