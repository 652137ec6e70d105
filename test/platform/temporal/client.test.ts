import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const SRC = join(__dirname, '..', '..', '..', 'src');
// Each can be imported as a type anywhere.
const MADE_IN: Record<string, string[]> = {
  Client: ['platform/temporal/client.ts'],
  Connection: ['platform/temporal/client.ts'],
  NativeConnection: ['platform/temporal/connection.ts'],
  Worker: ['process/temporal-workers.ts'],
};

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
const textOf = (file: string) => readFileSync(join(SRC, file), 'utf8');

/** What a text imports from Temporal's packages to make something with; biome has the rest imported as types. */
function importedValues(text: string): string[] {
  const imports = text.matchAll(/import \{([^}]*)\} from '@temporalio\/(?:client|worker)'/g);
  return [...imports]
    .flatMap(([, names = '']) => names.split(',').map((name) => name.trim()))
    .filter((name) => name !== '' && !name.startsWith('type '))
    .map((name) => name.split(' as ')[0] as string);
}

it.each(Object.entries(MADE_IN))('a %s of Temporal is made in one file', (name, places) => {
  expect(files.filter((file) => importedValues(textOf(file)).includes(name))).toEqual(places);
});

it('no file imports all of a package of Temporal, in which one could be made unseen', () => {
  const whole = /import \* as \w+ from '@temporalio|require\('@temporalio/;
  expect(files.filter((file) => whole.test(textOf(file)))).toEqual([]);
});

it('every client and every worker has the same data converter', () => {
  const named = files.filter((file) => /\bDATA_CONVERTER\b/.test(textOf(file))).sort();
  expect(named).toEqual([
    'platform/temporal/client.ts',
    'platform/temporal/data-converter.ts',
    'process/temporal-workers.ts',
  ]);
  const others = files.filter((file) => /\bdataConverter\b/.test(textOf(file)) && !named.includes(file));
  expect(others).toEqual([]);
});

it('an import of a class is seen, and that of its type is not (the control)', () => {
  expect(importedValues("import { Client, type Connection } from '@temporalio/client';")).toEqual(['Client']);
  expect(importedValues("import type { Client } from '@temporalio/client';")).toEqual([]);
});
