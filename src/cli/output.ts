export const print = (text: string): void => void process.stdout.write(`${text}\n`);
export const printJson = (value: unknown): void => print(JSON.stringify(value, null, 2));
/** Prints one value of many as a line of JSON. */
export const printJsonLine = (value: unknown): void => print(JSON.stringify(value));

export const oneLine = (text: string): string =>
  text
    .trim()
    .replaceAll(/\s*\n\s*/g, '; ')
    .replaceAll(/[\s\p{Cc}]+/gu, ' ');

/** Resolves at the first Ctrl-C or SIGTERM, or when the reader closes the pipe. It listens from this call on. */
export const untilInterrupted = (): Promise<void> =>
  new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
    // The reader closed the pipe, as in `postdate events | head`.
    process.stdout.once('error', () => resolve());
  });
