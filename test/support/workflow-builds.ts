import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bundleWorkflowCode } from '@temporalio/worker';
import { type MessageRef, workflowIdOf } from '../../src/message/contract';
import { readConfig } from '../../src/process/config';
import type { Installation } from '../../src/process/installation';
import { startWorker } from '../../src/worker';
import type { TestDatabase } from './database';
import { useFolder } from './local-process';
import { quietLogger } from './quiet-runtime';
import { silentLog } from './silent-log';
import type { TestTemporal } from './temporal';

const DEPLOYMENT = 'postdate';
/** Two releases of the workflow: today's, and one that does more. */
const BUILDS = { v1: require.resolve('../../src/workflows'), v2: require.resolve('./patched-workflows') };
export type Build = keyof typeof BUILDS;

/** Workers of two builds of the workflow, as Temporal's Worker Deployments has them, and which build a message's tasks ran on. */
export function useWorkflowBuilds(temporal: TestTemporal, database: TestDatabase, parts: Installation) {
  const folder = useFolder();
  const fileOf = (build: Build) => join(folder.path, `${build}.js`);
  beforeAll(async () => {
    const payloadConverterPath = require.resolve('../../src/workflows/tolerant-payload-converter');
    for (const [build, workflowsPath] of Object.entries(BUILDS) as [Build, string][]) {
      const { code } = await bundleWorkflowCode({ workflowsPath, payloadConverterPath, logger: quietLogger });
      await writeFile(fileOf(build), code);
    }
  });

  return {
    /** A worker of this build, or one without a version; it runs until `stop` has resolved. */
    async start(build?: Build): Promise<{ stop(): Promise<void> }> {
      const version = build && { POSTDATE_DEPLOYMENT: DEPLOYMENT, POSTDATE_BUILD: build };
      const env = { ...temporal.envFor(database), ...version, POSTDATE_WORKFLOW_BUNDLE: fileOf(build ?? 'v1') };
      const worker = await startWorker(readConfig(env), parts, silentLog);
      return {
        async stop() {
          worker.stop();
          await worker.finished;
        },
      };
    },
    /** The builds that the present run's tasks ran on, in their order; `none` for a worker without a version. */
    async buildsOf(ref: MessageRef): Promise<string[]> {
      const { events } = await temporal.client.workflow.getHandle(workflowIdOf(ref)).fetchHistory();
      return (events ?? []).flatMap(({ workflowTaskCompletedEventAttributes: task }) =>
        task ? [task.deploymentVersion?.buildId || 'none'] : [],
      );
    },
    /** What Temporal's own command line says; throws, with all that it said, when it refuses. */
    async cli(...args: string[]): Promise<string> {
      const executable = process.env.POSTDATE_TEST_TEMPORAL_CLI as string;
      return (
        await promisify(execFile)(executable, [
          ...args,
          '--address',
          temporal.address,
          '--namespace',
          temporal.namespace,
        ])
      ).stdout;
    },
  };
}
