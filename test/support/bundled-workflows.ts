import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../local/processes';
import { TYPESCRIPT } from '../../local/run-typescript';

const ROOT = join(__dirname, '..', '..');
const CACHE = join(ROOT, 'node_modules', '.cache', 'postdate-workflows');
const KEPT_MS = 7 * 24 * 3_600_000;

/** Promises a file with today's workflows, bundled once for all workers of all runs on the same sources. */
export async function bundledWorkflows(): Promise<string> {
  const file = join(CACHE, `${hashOfSources()}.js`);
  if (existsSync(file)) return file;
  mkdirSync(CACHE, { recursive: true });
  // In a process of its own, as `npm run build` does it: the bundler need not be in jest's memory for the whole run.
  const unfinished = `${file}.${process.pid}`;
  await run(process.execPath, [...TYPESCRIPT, 'src/process/workflow-bundle.ts', unfinished], {
    cwd: ROOT,
    timeoutMs: 180_000,
  });
  renameSync(unfinished, file);
  for (const name of readdirSync(CACHE)) {
    const old = join(CACHE, name);
    if (Date.now() - statSync(old).mtimeMs > KEPT_MS) rmSync(old, { force: true });
  }
  return file;
}

/** All of `src`, and which packages are installed: a bundle has whatever the workflows import. */
function hashOfSources(): string {
  const hash = createHash('sha256');
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  for (const name of [
    join('node_modules', '.package-lock.json'),
    ...sources.map((source) => join('src', source)).sort(),
  ]) {
    hash.update(name).update(readFileSync(join(ROOT, name)));
  }
  return hash.digest('hex');
}
