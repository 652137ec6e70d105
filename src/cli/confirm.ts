import { createInterface } from 'node:readline/promises';
import { CommandFailure } from './failure';

/** Where a question is asked, and whether somebody is there to answer it. */
export interface Asker {
  input: NodeJS.ReadableStream & { isTTY?: boolean };
  output: NodeJS.WritableStream;
}

// On standard error, as what is printed may go elsewhere.
const TERMINAL: Asker = { input: process.stdin, output: process.stderr };

/**
 * Whether something drastic is meant: asks on a terminal, where only `yes` or `y` is a yes. Elsewhere throws a
 * `CommandFailure` that says which option does without the question.
 */
export async function confirmed(
  drastic: string[],
  json = false,
  { input, output }: Asker = TERMINAL,
): Promise<boolean> {
  const says = drastic.join('; ');
  // What another program reads on is no place for questions, even on a terminal.
  if (!input.isTTY || json) throw new CommandFailure(says, 'if that is meant, add --yes');
  const lines = createInterface({ input, output });
  try {
    // Ctrl-D ends the lines without an answer, which is a no.
    const closed = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
    const asked = lines.question(`${says}. Is that meant? [y/N] `).catch(() => '');
    const answer = await Promise.race([asked, closed]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    lines.close();
  }
}
