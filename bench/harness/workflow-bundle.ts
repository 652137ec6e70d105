import { join } from 'node:path';
import { run } from '../../local/processes';
import type { BenchContext } from './context';

const ROOT = join(__dirname, '..', '..');
// Some ten seconds of a processor, which others may have.
const TIMEOUT_MS = 180_000;

const bundles = new Map<string, Promise<string>>();

/**
 * Promises a file with Postdate's workflows, bundled once for all workers of a benchmark, as a release has it. A worker that
 * bundles them itself has the bundler in its memory. Takes the one that POSTDATE_WORKFLOW_BUNDLE names, where it is set.
 */
export async function workflowBundle({ folder }: Pick<BenchContext, 'folder'>): Promise<string> {
  const { POSTDATE_WORKFLOW_BUNDLE: given } = process.env;
  if (given) return given;
  const known = bundles.get(folder);
  if (known !== undefined) return known;
  const file = join(folder, 'postdate-workflows.js');
  const args = ['--import', 'tsx', join('src', 'process', 'workflow-bundle.ts'), file];
  const bundled = run(process.execPath, args, { cwd: ROOT, timeoutMs: TIMEOUT_MS }).then(() => file);
  bundles.set(folder, bundled);
  return bundled;
}
