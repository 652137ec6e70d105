import { mutants } from './mutants';
import { runWith } from './plant';

/** Plants every bug in turn, or those with a word in their name; the tests must pass without any, and turn red with each. */
async function main(word = ''): Promise<void> {
  const chosen = mutants.filter(({ name }) => name.includes(word));
  if (chosen.length === 0) throw new Error(`no planted bug has "${word}" in its name`);
  const tests = [...new Set(chosen.flatMap((mutant) => mutant.tests))];
  const control = await runWith(tests);
  process.stdout.write(`without a bug the tests ${control === 'survived' ? 'pass' : 'FAIL'}\n`);
  let caught = 0;
  for (const mutant of chosen) {
    const verdict = await runWith(mutant.tests, mutant);
    if (verdict === 'caught') caught += 1;
    process.stdout.write(`${verdict.padEnd(8)} ${mutant.name}\n`);
  }
  process.stdout.write(`caught ${caught} of ${chosen.length}\n`);
  process.exitCode = control === 'survived' && caught === chosen.length ? 0 : 1;
}

void main(process.argv[2]);
