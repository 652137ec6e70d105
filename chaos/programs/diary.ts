import { appendFileSync, readFileSync } from 'node:fs';

/** A line of what a client did and was told, kept outside the system under test. `info`: it cannot know what became of it. */
export interface DiaryLine {
  at: number;
  id: string;
  op: Operation;
  phase: 'invoke' | 'ok' | 'info';
  /** The answer, as the call gave it. */
  answer?: { result: string; status?: string; outcome?: string; cycle?: number; dueAt?: string };
  why?: string;
}

/** What clients do with payment requests (the first four) and with beats. */
export type Operation = 'request' | 'pay' | 'cancel' | 'extend' | 'schedule' | 'cancelBeat' | 'moveBeat';

/** Appends at once: a program that is killed has told all that it knew. */
export const writeLine = (file: string, line: object): void => appendFileSync(file, `${JSON.stringify(line)}\n`);

/** All lines of a file; one may be torn by a kill. */
export function readLines<Line>(file: string): Line[] {
  let text = '';
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return text.split('\n').flatMap((line) => {
    try {
      return line === '' ? [] : [JSON.parse(line) as Line];
    } catch {
      return [];
    }
  });
}
