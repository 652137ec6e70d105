import type { WorkerDeploymentOptions } from '@temporalio/worker';
import { z } from 'zod';

/** Which build a worker is of, and of which of Temporal's Worker Deployments its workflow code is a version. */
export const versionVariables = {
  // What this worker runs, also for whoever looks at lanes: a version, or a commit. Temporal takes no more than some
  // hundred bytes.
  POSTDATE_BUILD: z
    .string()
    .regex(/^(?!__)[A-Za-z0-9._+-]{1,100}$/, 'must be 1 to 100 letters, digits, ., _, + and -, and not begin with __')
    .optional(),
  // A dot or a colon would end the name where Temporal writes it before the build.
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
 * How the SDK's worker of workflows says its version; undefined without one. A message belongs to none: with each task it
 * goes on with the version that is current then, so that nothing has to run for as long as messages sleep.
 */
export const deploymentOptionsOf = (version: WorkflowVersion | undefined): WorkerDeploymentOptions | undefined =>
  version && { useWorkerVersioning: true, version, defaultVersioningBehavior: 'AUTO_UPGRADE' };
