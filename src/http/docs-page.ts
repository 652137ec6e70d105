import type { Json } from './openapi';

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}
code,pre{font-family:ui-monospace,monospace;font-size:.9em}pre{background:#f4f4f4;padding:.8rem;overflow:auto}
details{border:1px solid #ccc;border-radius:4px;margin:.5rem 0;padding:.5rem .8rem}summary{cursor:pointer}
table{border-collapse:collapse}td,th{text-align:left;vertical-align:top;padding:.2rem .8rem .2rem 0}
.method{display:inline-block;width:4.5rem;font-weight:bold}`;

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escaped = (text: unknown) => String(text ?? '').replace(/[&<>"]/g, (character) => ESCAPES[character] as string);

/** An OpenAPI document as one HTML page that loads nothing: no script, and nothing from other servers. */
export function docsPage({ info, paths, components }: Json): string {
  const operations = Object.entries(paths as Json).flatMap(([path, methods]) =>
    Object.entries(methods as Json).map(([method, operation]) => operationOf(path, method, operation)),
  );
  const schemas = Object.entries(components.schemas as Json).map(([name, schema]) => schemaOf(name, schema));
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escaped(info.title)} API</title>
<meta name="viewport" content="width=device-width"><style>${STYLE}</style>
<h1>${escaped(info.title)} ${escaped(info.version)}</h1><p>${escaped(info.description)}</p>
<p>Send an API key as <code>Authorization: Bearer pd_…</code>. The document itself: <a href="/openapi.json">openapi.json</a>.</p>
<h2>Operations</h2>${operations.join('\n')}<h2>Schemas</h2>${schemas.join('\n')}</html>
`;
}

function operationOf(path: string, method: string, { summary, parameters = [], requestBody, responses }: Json): string {
  const rows = parameters.map(
    ({ name, in: where, required, description, schema }: Json) =>
      `<tr><td><code>${escaped(name)}</code></td><td>${escaped(where)}${required ? ', required' : ''}</td>
<td><code>${escaped(JSON.stringify(schema))}</code> ${escaped(description)}</td></tr>`,
  );
  const body = requestBody ? `<p>Body: ${linksOf(requestBody)}</p>` : '';
  const answers = Object.entries(responses as Json).map(
    ([status, response]: [string, Json]) =>
      `<tr><td>${escaped(status)}</td><td>${linksOf(response)}</td><td>${escaped(response.description)}</td></tr>`,
  );
  return `<details><summary><span class="method">${escaped(method.toUpperCase())}</span> <code>${escaped(path)}</code>
${escaped(summary)}</summary><table>${rows.join('')}</table>${body}<table>${answers.join('')}</table></details>`;
}

const schemaOf = (name: string, schema: Json) =>
  `<details id="${escaped(name)}"><summary>${escaped(name)}</summary><pre>${escaped(JSON.stringify(schema, null, 2))}</pre></details>`;

/** Links to every named schema that this part of the document refers to. */
const linksOf = (part: Json) =>
  [...JSON.stringify(part).matchAll(/"#\/components\/schemas\/(\w+)"/g)]
    .map(([, name]) => `<a href="#${escaped(name)}">${escaped(name)}</a>`)
    .join(', ');
