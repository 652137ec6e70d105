import { createInterface } from 'node:readline/promises';
import { CommandFailure } from './failure';

/** The terminal that a question is asked on. `isTTY` says whether a person can answer. */
export interface Asker {
  input: NodeJS.ReadableStream & { isTTY?: boolean };
  output: NodeJS.WritableStream;
}

// On standard error, because standard output may be redirected.
const TERMINAL: Asker = { input: process.stdin, output: process.stderr };

/**
 * Asks on the terminal whether a drastic change is meant; only `yes` or `y` is a yes. Without a terminal it throws a
 * `CommandFailure` that names the option which skips the question.
 */
export async function confirmed(
  drastic: string[],
  json = false,
  { input, output }: Asker = TERMINAL,
): Promise<boolean> {
  const says = drastic.join('; ');
  // If another program reads the output, a question would disturb it, even on a terminal.
  if (!input.isTTY || json) throw new CommandFailure(says, 'if that is meant, add --yes');
  const lines = createInterface({ input, output });
  try {
    // Ctrl-D closes the input without an answer, which is a no.
    const closed = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
    const asked = lines.question(`${says}. Is that meant? [y/N] `).catch(() => '');
    const answer = await Promise.race([asked, closed]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    lines.close();
  }
}
