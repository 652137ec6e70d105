import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const ROOT = join(__dirname, '..', '..');

/** All TypeScript files of a folder of the project, as paths from its root. */
export const filesIn = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name));

export const textOf = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

/** What a file imports of the project's own, types included, as paths from the project's root. */
export const importsOf = (file: string, text: string): string[] =>
  [...text.matchAll(/\b(?:from|import|require|resolve)[\s(]*'(\.[^']*)'/g)].map(([, path]) =>
    relative(ROOT, join(ROOT, dirname(file), path as string)),
  );
