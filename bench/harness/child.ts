/**
 * For programs that `startProgram` starts: says that this one is at work, and runs `stop` once when it is told to end,
 * or when the benchmark that started it is gone.
 */
export function atWork(stop: () => Promise<unknown>): void {
  let stopping = false;
  const end = () => {
    if (stopping) return;
    stopping = true;
    stop().then(
      () => process.exit(0),
      (error: Error) => {
        process.stderr.write(`${error.stack}\n`);
        process.exit(1);
      },
    );
  };
  process.once('SIGTERM', end);
  process.once('disconnect', end);
  process.stdout.write('ready\n');
}
