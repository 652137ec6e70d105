import { postdate } from '../../src/cli/main';
import type { Installation } from '../../src/process/installation';

/** Runs the command line in this process, as starting one costs a second: what it printed, and its exit code. */
export async function inHere(args: string[], parts: Installation) {
  const printed: string[] = [];
  const errors: string[] = [];
  const into = (texts: string[]) => (text: string | Uint8Array) => texts.push(String(text)) > 0;
  const spies = [
    jest.spyOn(process.stdout, 'write').mockImplementation(into(printed)),
    jest.spyOn(process.stderr, 'write').mockImplementation(into(errors)),
  ];
  try {
    process.exitCode = undefined;
    await postdate(args, parts);
    return { code: process.exitCode as number | undefined, printed: printed.join(''), errors: errors.join('') };
  } finally {
    process.exitCode = undefined;
    for (const spy of spies) spy.mockRestore();
  }
}
