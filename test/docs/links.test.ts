import { existsSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { allPages, ROOT, readPage } from '../support/pages';

/** A page without its blocks and inline code, in which brackets mean something else. */
const proseOf = (text: string) =>
  text.replace(/^ *(```+|~~~+)[\s\S]*?^ *\1 *$/gm, '').replace(/`[^`\n]*`/g, (code) => ' '.repeat(code.length));

/** The anchors that GitHub gives to a page's headings. */
function anchorsOf(text: string): string[] {
  const seen = new Map<string, number>();
  const headings = text.replace(/^ *(```+|~~~+)[\s\S]*?^ *\1 *$/gm, '').matchAll(/^#{1,6} (.*)$/gm);
  return [...headings].map(([, heading]) => {
    const words = (heading ?? '').replace(/\[([^\]]*)\]\([^)]*\)/g, '$1');
    const slug = words
      .trim()
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M}\p{Pc}\- ]/gu, '')
      .replaceAll(' ', '-');
    const times = seen.get(slug) ?? 0;
    seen.set(slug, times + 1);
    return times === 0 ? slug : `${slug}-${times}`;
  });
}

const targetsOf = (text: string) =>
  [...proseOf(text).matchAll(/\]\(([^)\s]+)(?: "[^"]*")?\)|^\[[^\]]+\]: (\S+)/gm)].map(
    ([, inline, reference]) => (inline ?? reference) as string,
  );

/** What is wrong with the links of a page to this repository. */
function brokenIn(page: string, text: string): string[] {
  return targetsOf(text).flatMap((target) => {
    if (/^(?:https?|mailto):/.test(target)) return [];
    const [path, anchor] = target.split('#') as [string, string?];
    const file = path === '' ? page : relative(ROOT, join(ROOT, dirname(page), decodeURI(path)));
    if (file.startsWith('..') || !existsSync(join(ROOT, file))) return [`${page}: ${target} is not there`];
    if (anchor === undefined) return [];
    if (!file.endsWith('.md') || !statSync(join(ROOT, file)).isFile())
      return [`${page}: ${target} has an anchor in what is no page`];
    const there = anchorsOf(path === '' ? text : readPage(file)).includes(anchor);
    return there ? [] : [`${page}: ${target} names no heading`];
  });
}

it('every link from a page to another file, or to a heading of a page, leads somewhere', () => {
  const pages = allPages();
  expect(pages).toEqual(expect.arrayContaining(['README.md', 'CHANGELOG.md', 'docs/README.md', 'docs/cli.md']));
  expect(pages.flatMap((page) => targetsOf(readPage(page))).length).toBeGreaterThan(60);
  expect(pages.flatMap((page) => brokenIn(page, readPage(page)))).toEqual([]);
});

it('would be found out: a file, a heading, a heading of this page, an image, a way out of here (the control)', () => {
  const text = [
    '# One *word*, two: `three`!',
    '[good](operations.md#a-rate-limit) [itself](#one-word-two-three) [far](https://example.org/no#where) `[code](nowhere.md)`',
    '```text',
    '[block](nowhere.md)',
    '```',
    '[a](nowhere.md) [b](operations.md#no-such) [c](#no-such) ![d](no.svg) [e](../../elsewhere.md) [f](openapi.json#x)',
    '[g]: nowhere-else.md',
  ].join('\n');
  expect(brokenIn('docs/http.md', text)).toEqual([
    'docs/http.md: nowhere.md is not there',
    'docs/http.md: operations.md#no-such names no heading',
    'docs/http.md: #no-such names no heading',
    'docs/http.md: no.svg is not there',
    'docs/http.md: ../../elsewhere.md is not there',
    'docs/http.md: openapi.json#x has an anchor in what is no page',
    'docs/http.md: nowhere-else.md is not there',
  ]);
});

it('the index has every page of docs once', () => {
  const listed = targetsOf(readPage('docs/README.md')).filter((target) => /^[\w-]+\.md$/.test(target));
  const there = allPages().filter((page) => page.startsWith('docs/') && page !== 'docs/README.md');
  expect([...listed].sort()).toEqual(there.map((page) => page.slice('docs/'.length)));
});
