import { mutants } from './mutants';
import { runWith } from './plant';

/** Plants every bug in turn; the tests must pass without any, and turn red with each. */
async function main(): Promise<void> {
  const tests = [...new Set(mutants.flatMap((mutant) => mutant.tests))];
  const control = await runWith(tests);
  process.stdout.write(`without a bug the tests ${control === 'survived' ? 'pass' : 'FAIL'}\n`);
  let caught = 0;
  for (const mutant of mutants) {
    const verdict = await runWith(mutant.tests, mutant);
    if (verdict === 'caught') caught += 1;
    process.stdout.write(`${verdict.padEnd(8)} ${mutant.name}\n`);
  }
  process.stdout.write(`caught ${caught} of ${mutants.length}\n`);
  process.exitCode = control === 'survived' && caught === mutants.length ? 0 : 1;
}

void main();
