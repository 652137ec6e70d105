import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { textOf } from '../support/imports';

const ROOT = join(__dirname, '..', '..');
const [, section = ''] = textOf('docs/design.md').split('## The way of a message\n');
const HOPS = [...(section.split('\n## ')[0] as string).matchAll(/^\| (\d+) \| `(\S+)` \| `(\w+)` \|/gm)].map(
  ([, hop, file, name]) => ({ hop: Number(hop), file: file as string, name: name as string }),
);

/** Whether a file defines a function of this name: as one, as a constant, or as a method of an object that it returns. */
const defines = (text: string, name: string): boolean =>
  new RegExp(`(function|const) ${name}\\b|^ +(async )?${name}(<.*>)?\\(.*\\{$|^ +${name}: .*=>`, 'm').test(text);

it('every hop of the table is in the sources: its file, and its function in that file', () => {
  expect(HOPS.map(({ hop }) => hop)).toEqual(HOPS.map((_hop, place) => place + 1));
  expect(HOPS.length).toBeGreaterThan(10);
  const missing = HOPS.filter(({ file, name }) => !existsSync(join(ROOT, file)) || !defines(textOf(file), name));
  expect(missing).toEqual([]);
});

it('a name that a file only calls, or does not have, would be found', () => {
  expect(defines('  landGroup(topic, group);', 'landGroup')).toBe(false);
  expect(defines('export async function land(pool) {', 'landGroup')).toBe(false);
  expect(defines('async function landGroup(topic) {', 'landGroup')).toBe(true);
});
