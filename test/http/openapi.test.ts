import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { installation } from '../../app/installation';
import { openApiText } from '../../src/http/application-routes';
import { docsPage } from '../../src/http/docs-page';

const committed = readFileSync(join(__dirname, '..', '..', 'docs', 'openapi.json'), 'utf8');
const openApi = JSON.parse(committed);

it('docs/openapi.json is what the schemas say; npm run openapi writes it', () => {
  expect(committed).toBe(openApiText(installation));
});

it('it is OpenAPI 3.1, refers only to what is there, and has an id of its own for each operation', () => {
  expect(openApi.openapi).toMatch(/^3\.1\.\d+$/);
  const references = [...committed.matchAll(/"\$ref": "#\/([^"]+)"/g)].map(([, path]) => path as string);
  expect(references.length).toBeGreaterThan(50);
  for (const path of references) {
    const target = path.split('/').reduce((part, name) => part?.[name], openApi);
    expect({ path, there: target !== undefined }).toEqual({ path, there: true });
  }
  const operations = Object.entries(openApi.paths).flatMap(([path, methods]) =>
    // biome-ignore lint/suspicious/noExplicitAny: a JSON document
    Object.values(methods as any).map((operation: any) => ({ path, ...operation })),
  );
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
  for (const { path, parameters = [], responses } of operations) {
    const named = parameters
      .filter((one: { in: string }) => one.in === 'path')
      .map((one: { name: string }) => one.name);
    expect(named).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
    expect(Object.keys(responses)).toEqual(expect.arrayContaining(['400', '401', '404', '429', '503']));
  }
});

it('the page shows every operation and schema, loads nothing, and runs nothing', () => {
  const page = docsPage(openApi);
  for (const path of Object.keys(openApi.paths)) expect(page).toContain(`<code>${path}</code>`);
  for (const name of Object.keys(openApi.components.schemas)) expect(page).toContain(`id="${name}"`);
  expect(page).not.toMatch(/<script|src=|https?:\/\/|@import|<link/);
  const hostile = docsPage({ info: { title: '<img onerror=x>' }, paths: {}, components: { schemas: {} } });
  expect(hostile).not.toContain('<img');
});
