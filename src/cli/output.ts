export const print = (text: string): void => void process.stdout.write(`${text}\n`);
export const printJson = (value: unknown): void => print(JSON.stringify(value, null, 2));
/** One value of a stream of them. */
export const printJsonLine = (value: unknown): void => print(JSON.stringify(value));

export const oneLine = (text: string): string =>
  text
    .trim()
    .replaceAll(/\s*\n\s*/g, '; ')
    .replaceAll(/[\s\p{Cc}]+/gu, ' ');

/** Resolves when the person, or whoever started this, wants it to end. Listens from the call on. */
export const untilInterrupted = (): Promise<void> =>
  new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
    // Nobody reads on, as in `postdate events | head`.
    process.stdout.once('error', () => resolve());
  });
