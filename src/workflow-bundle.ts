import { writeFile } from 'node:fs/promises';
import { bundleWorkflowCode } from '@temporalio/worker';

/** Where the workflows are, and what reads their payloads. */
export const WORKFLOWS = {
  workflowsPath: require.resolve('./workflows'),
  payloadConverterPath: require.resolve('./workflows/tolerant-payload-converter'),
};

/**
 * Writes the workflows as one file, with which a worker is at work in a second or two; without it each bundles them when it
 * starts, for several seconds of a processor. Make it anew with every release: it is the code that messages run.
 */
export async function writeWorkflowBundle(file: string): Promise<void> {
  const { code } = await bundleWorkflowCode(WORKFLOWS);
  await writeFile(file, code);
}

if (require.main === module) void writeWorkflowBundle(process.argv[2] as string);
