import { dirname } from 'node:path';
import { filesIn, importsOf, textOf } from '../support/imports';

// All that an application may import of Postdate. What is deeper may change with any release.
const WRITTEN_WITH = ['src', 'src/http/application-routes'];
const PROCESSES = ['src/worker', 'src/http/start', 'src/cli/main', 'src/process/prepare-database'];

const isCore = (path: string) => path === 'src' || path.startsWith('src/');
const tooDeep = (file: string, text: string, faces: string[]) =>
  importsOf(file, text).filter((path) => isCore(path) && !faces.includes(path));
const outOfCore = (file: string, text: string) => importsOf(file, text).filter((path) => !isCore(path));

it.each([
  ['app', [...WRITTEN_WITH, ...PROCESSES]],
  ['app/payment-requests', WRITTEN_WITH],
  ['examples', [...WRITTEN_WITH, ...PROCESSES]],
])('%s imports nothing of the core but its faces', (folder, faces) => {
  const files = filesIn(folder);
  expect(files.filter((file) => importsOf(file, textOf(file)).some(isCore)).length).toBeGreaterThan(2);
  expect(files.flatMap((file) => tooDeep(file, textOf(file), faces).map((path) => `${file}: ${path}`))).toEqual([]);
});

it('the core imports nothing of an application, nor of anything else that it is not', () => {
  const files = filesIn('src');
  expect(files.length).toBeGreaterThan(100);
  expect(files.flatMap((file) => outOfCore(file, textOf(file)).map((path) => `${file}: ${path}`))).toEqual([]);
});

it('the core knows no payment request; only the examples in the help of its commands name one', () => {
  const naming = (folder: string) => filesIn(folder).filter((file) => /payment/i.test(textOf(file)));
  expect(naming('src').filter((file) => dirname(file) !== 'src/cli')).toEqual([]);
  expect(naming('app')).not.toEqual([]);
});

it('an import that is too deep, or leads out of the core, would be found however it is written', () => {
  const deep = [
    `import { land } from '../../src/landing/landing';`,
    `import type {\n  Config,\n} from '../../src/config';`,
    `export * from '../../src/topic';`,
    `const loaded = await import('../../src/hold/hold');`,
    `type Loaded = typeof import('../../src/ledger');`,
    `require('../../src/client');`,
  ];
  for (const text of deep) expect(tooDeep('app/payment-requests/x.ts', text, WRITTEN_WITH)).toHaveLength(1);
  expect(tooDeep('app/x.ts', `import { schedule } from '../../src';\nimport { x } from './y';`, WRITTEN_WITH)).toEqual(
    [],
  );
  const out = `import { installation } from '../../app/installation';\nimport { x } from '../contract';`;
  expect(outOfCore('src/http/x.ts', out)).toEqual(['app/installation']);
});

it.each([
  ['../../src', false],
  ['../../src/http/application-routes', false],
  ['../../app/installation', false],
  ['../../src/worker', true],
])('%s loads the worker or the HTTP server: %s', (module, loads) => {
  const loaded = new Set<string>();
  jest.isolateModules(() => {
    for (const name of ['@temporalio/worker', 'fastify']) {
      jest.doMock(name, () => {
        loaded.add(name);
        return jest.requireActual(name);
      });
    }
    require(module);
  });
  expect(loaded.size > 0).toBe(loads);
});
