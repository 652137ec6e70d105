import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import Table from 'cli-table3';
import type { Percentiles } from './lateness';

const ROOT = join(__dirname, '..', '..');

/** What every contender's entry begins with; a benchmark adds its own figures. */
export interface ContenderFigures {
  name: string;
  messages: number;
  effects: number;
  early: number;
  latenessMs: Percentiles;
}

export interface Results {
  versions: Record<string, string>;
  contenders: (ContenderFigures & Record<string, unknown>)[];
}

export interface ResultsWriter {
  folder: string;
  /** Writes `<name>.json`: these results under a heading of name, command, commit and machine. */
  json(results: Results & Record<string, unknown>): Promise<void>;
  /** Writes `<name>.svg`, or `<name>-<part>.svg` where a benchmark has several charts. */
  chart(svg: string, part?: string): Promise<void>;
  /** Prints a table: the first column is text, the others are figures. */
  table(head: string[], rows: (string | number)[][]): void;
}

/** Promises a writer of one benchmark's results into this folder. */
export async function openResults(
  name: string,
  { folder: wanted, heading, log }: { folder: string; heading: object; log: (line: string) => void },
): Promise<ResultsWriter> {
  const folder = resolve(wanted);
  await mkdir(folder, { recursive: true });
  return {
    folder,
    async json(results) {
      const file = join(folder, `${name}.json`);
      await writeJson(file, { name, ...heading, ...results });
      log(`written: ${file}`);
    },
    async chart(svg, part) {
      const file = join(folder, part === undefined ? `${name}.svg` : `${name}-${part}.svg`);
      await writeFile(file, svg);
      log(`written: ${file}`);
    },
    table(head, rows) {
      const colAligns = head.map((_, index) => (index === 0 ? 'left' : 'right') as 'left' | 'right');
      const table = new Table({ head, colAligns, style: { head: [], border: [] } });
      table.push(...rows);
      log(table.toString());
    },
  };
}

/** Writes results in the form in which they are committed. */
export async function writeJson(file: string, content: object): Promise<void> {
  const json = JSON.stringify(content, null, 2);
  // First as it is: what took half an hour to measure must not be lost over its format.
  await writeFile(file, json);
  await writeFile(file, formatted(json));
}

// The results are committed, and so held to the project's format like everything else.
function formatted(json: string): string {
  const biome = join(ROOT, 'node_modules', '@biomejs', 'biome', 'bin', 'biome');
  // A source archive may lack the ignore file that the configuration asks for, and one file from outside needs none.
  const args = ['format', '--vcs-use-ignore-file=false', '--stdin-file-path=bench/results/result.json'];
  return execFileSync(process.execPath, [biome, ...args], { cwd: ROOT, encoding: 'utf8', input: json });
}
