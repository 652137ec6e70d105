import type { WorkerDeploymentOptions } from '@temporalio/worker';
import { z } from 'zod';

/**
 * The variables that name a worker's build, and the Worker Deployment of Temporal that its workflow code is a version
 * of.
 */
export const versionVariables = {
  // The version or commit that this worker runs; operators also see it in the lists of lanes. Temporal allows no more
  // than some hundred bytes.
  POSTDATE_BUILD: z
    .string()
    .regex(/^(?!__)[A-Za-z0-9._+-]{1,100}$/, 'must be 1 to 100 letters, digits, ., _, + and -, and not begin with __')
    .optional(),
  // Temporal writes it before the build. A dot or a colon would end the name there.
  POSTDATE_DEPLOYMENT: z
    .string()
    .regex(/^(?!__)[A-Za-z0-9_-]{1,100}$/, 'must be 1 to 100 letters, digits, _ and -, and not begin with __')
    .optional(),
};

export interface WorkflowVersion {
  deploymentName: string;
  buildId: string;
}

/**
 * The SDK's options for the version of a workflow worker; undefined without one. A message is not pinned to a version:
 * each task runs on the version that is current then, so no version has to run for as long as messages sleep.
 */
export const deploymentOptionsOf = (version: WorkflowVersion | undefined): WorkerDeploymentOptions | undefined =>
  version && { useWorkerVersioning: true, version, defaultVersioningBehavior: 'AUTO_UPGRADE' };
