import { writeFile } from 'node:fs/promises';
import { bundleWorkflowCode } from '@temporalio/worker';

/** The paths of the workflows and of the payload converter that they need. */
export const WORKFLOWS = {
  workflowsPath: require.resolve('../../workflows'),
  payloadConverterPath: require.resolve('../../workflows/tolerant-payload-converter'),
};

/**
 * Writes the workflows as one bundled file, with which a worker starts in a second or two. Without it each worker
 * bundles them at its start, for several seconds of a processor. Create it with every release: it is the code that
 * messages run.
 */
export async function writeWorkflowBundle(file: string): Promise<void> {
  const { code } = await bundleWorkflowCode(WORKFLOWS);
  await writeFile(file, code);
}

if (require.main === module) void writeWorkflowBundle(process.argv[2] as string);
