import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isNotRun } from '../docs/not-run';

export const ROOT = join(__dirname, '..', '..');

/** A fenced block of a page. */
export interface Block {
  page: string;
  line: number;
  language: string;
  text: string;
}

/** Languages in which a reader can do what a page says. In `console`, `$ ` comes before each command, and then its answer. */
export const COMMANDS = ['sh', 'sql', 'ts', 'console'];

export const readPage = (page: string) => readFileSync(join(ROOT, page), 'utf8');

/** All pages that people read, by their path from the root. */
export function allPages(): string[] {
  const under = (folder: string) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
  return [...readdirSync(ROOT), ...under('docs'), ...under('examples')].filter((name) => name.endsWith('.md')).sort();
}

/** The fenced blocks of a page in their order; throws for a fence that is never closed. */
export function blocksOf(page: string, text = readPage(page)): Block[] {
  const blocks: Block[] = [];
  let open: { fence: string; block: Block } | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const [, fence, language] = /^ *(`{3,}|~{3,})(.*)$/.exec(line) ?? [];
    if (open && fence?.startsWith(open.fence) && language === '') {
      blocks.push(open.block);
      open = undefined;
    } else if (open) open.block.text += `${line}\n`;
    else if (fence) open = { fence, block: { page, line: index + 1, language: (language ?? '').trim(), text: '' } };
  }
  if (open) throw new Error(`${page}:${open.block.line}: the block has no end`);
  return blocks;
}

/** What a test of the page is to run, each followed by the answers that the page shows for it. */
export function commandsOf(page: string): (Block & { answers: Block[] })[] {
  const commands: (Block & { answers: Block[] })[] = [];
  let left = false;
  for (const block of blocksOf(page)) {
    if (COMMANDS.includes(block.language)) {
      left = isNotRun(block);
      if (!left) commands.push({ ...block, answers: [] });
    } else if (!left) commands.at(-1)?.answers.push(block);
  }
  return commands;
}
