// Has `node --require` run our TypeScript as it stands, for the many programs that tests and chaos start: compiled once for all of
// them, where tsx costs each start half a second. What people run themselves is run with tsx in tests as well.
const { createHash } = require('node:crypto');
const { mkdirSync, readFileSync, renameSync, writeFileSync } = require('node:fs');
const Module = require('node:module');
const { join } = require('node:path');

const CACHE = join(__dirname, '..', 'node_modules', '.cache', 'postdate-typescript');

function compile(source, filename) {
  const { transformSync } = require('@swc/core');
  return transformSync(source, {
    filename,
    swcrc: false,
    sourceMaps: 'inline',
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
    module: { type: 'commonjs' },
  }).code;
}

function compiled(filename) {
  const source = readFileSync(filename, 'utf8');
  const hash = createHash('sha256').update(__filename).update(filename).update(source).digest('hex');
  const file = join(CACHE, `${hash}.js`);
  try {
    return readFileSync(file, 'utf8');
  } catch {
    const code = compile(source, filename);
    mkdirSync(CACHE, { recursive: true });
    // Two that compile it at one moment each put a whole file in place.
    writeFileSync(`${file}.${process.pid}`, code);
    renameSync(`${file}.${process.pid}`, file);
    return code;
  }
}

// `import('./x.js')` names x.ts, as TypeScript has it.
const resolveFilename = Module._resolveFilename;
Module._resolveFilename = function resolveTypescript(request, ...rest) {
  try {
    return resolveFilename.call(this, request, ...rest);
  } catch (error) {
    if (!/^\.{1,2}\/.*\.js$/.test(request)) throw error;
    return resolveFilename.call(this, request.replace(/\.js$/, '.ts'), ...rest);
  }
};

process.setSourceMapsEnabled(true);
Module._extensions['.ts'] = (module, filename) => module._compile(compiled(filename), filename);
