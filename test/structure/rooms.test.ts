import { dirname, join } from 'node:path';
import { filesIn, importsOf, textOf } from '../support/imports';

// At most so many rooms, each inside another or beside it, stand above one another.
const LONGEST_CHAIN = 12;

const [, table = ''] = textOf('README.md').split('## The rooms');
/** Rooms in the order of README's table, which is the map: imports run from a later room to an earlier one. */
const MAP = [...table.matchAll(/^\| (`src\/.*?) \|/gm)].flatMap(([, cell]) =>
  [...(cell as string).matchAll(/`src\/([a-z]+)\/`/g)].map(([, room]) => room as string),
);
// The three files beside the rooms: a producer's functions, one worker's composition, and the face of all.
const FLOORS = new Map([...MAP.entries()].map(([place, room]) => [room, place]));
FLOORS.set('client.ts', (FLOORS.get('producing') as number) + 0.5);
FLOORS.set('worker.ts', MAP.length);
FLOORS.set('index.ts', MAP.length + 1);

const files = filesIn('src');
const known = new Set(files);
const resolved = (path: string) => [`${path}.ts`, join(path, 'index.ts')].find((file) => known.has(file));
const graph = new Map(
  files.map((file) => [file, importsOf(file, textOf(file)).flatMap((path) => resolved(path) ?? [])]),
);

/** The first-level room of a file, or the file itself where it lies beside the rooms. */
const roomOf = (file: string) => file.split('/')[1] as string;

/** The imports that run against the map. */
const upward = (arrows: [from: string, to: string][]) =>
  arrows.filter(([from, to]) => (FLOORS.get(roomOf(from)) as number) < (FLOORS.get(roomOf(to)) as number));

const arrows = [...graph].flatMap(([from, all]) => all.map((to): [string, string] => [from, to]));

/** The circles of a graph, each as the way around it. */
function circlesOf(graph: Map<string, string[]>): string[][] {
  const circles: string[][] = [];
  const done = new Set<string>();
  const visit = (node: string, way: string[]): void => {
    const met = way.indexOf(node);
    if (met >= 0) return void circles.push([...way.slice(met), node]);
    if (done.has(node)) return;
    for (const next of graph.get(node) ?? []) visit(next, [...way, node]);
    done.add(node);
  };
  for (const node of graph.keys()) visit(node, []);
  return circles;
}

/** The folders of src as rooms, those inside of others too, with the rooms that each imports. */
const folders = new Map<string, string[]>();
for (const [from, to] of arrows) {
  const [room, other] = [dirname(from), dirname(to)];
  if (room !== other && room !== 'src' && other !== 'src') folders.set(room, [...(folders.get(room) ?? []), other]);
}

const memo = new Map<string, string[]>();
function longestFrom(room: string): string[] {
  const found = memo.get(room);
  if (found) return found;
  const ways = (folders.get(room) ?? []).map(longestFrom);
  const longest = ways.reduce((one, other) => (other.length > one.length ? other : one), []);
  memo.set(room, [room, ...longest]);
  return memo.get(room) as string[];
}

it("README's map names every room of src, and no other", () => {
  expect(files.length).toBeGreaterThan(200);
  expect([...FLOORS.keys()].sort()).toEqual([...new Set(files.map(roomOf))].sort());
});

it('imports run from later rooms of the map to earlier ones', () => {
  expect(arrows.length).toBeGreaterThan(500);
  expect(upward(arrows)).toEqual([]);
});

it('an import that runs the other way would be found', () => {
  expect(upward([['src/platform/database/pool.ts', 'src/delivery/landing/landing.ts']])).toHaveLength(1);
  expect(upward([['src/producing/send.ts', 'src/client.ts']])).toHaveLength(1);
  expect(upward([['src/delivery/landing/landing.ts', 'src/platform/database/pool.ts']])).toEqual([]);
});

it('no files import each other in a circle, nor do rooms', () => {
  expect(circlesOf(graph)).toEqual([]);
  expect(circlesOf(folders)).toEqual([]);
  expect(
    circlesOf(
      new Map([
        ['a', ['b']],
        ['b', ['c']],
        ['c', ['b']],
      ]),
    ),
  ).toEqual([['b', 'c', 'b']]);
});

it('at most twelve rooms stand above one another', () => {
  const longest = [...folders.keys()].map(longestFrom).sort((one, other) => other.length - one.length)[0] as string[];
  expect(longest.length).toBeGreaterThan(5);
  expect(longest.length).toBeLessThanOrEqual(LONGEST_CHAIN);
});
