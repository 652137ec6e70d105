import { loadClientConnectConfig } from '@temporalio/envconfig';
import { ConfigError } from '../config-error';
import type { WorkflowVersion } from './workflow-version';

/**
 * The version of the workflow code that a worker polls as; undefined without POSTDATE_DEPLOYMENT. Throws a
 * `ConfigError`.
 */
export function workflowVersionOf({
  POSTDATE_DEPLOYMENT: deploymentName,
  POSTDATE_BUILD: buildId,
}: {
  POSTDATE_DEPLOYMENT?: string;
  POSTDATE_BUILD?: string;
}): WorkflowVersion | undefined {
  if (deploymentName === undefined) return undefined;
  if (buildId === undefined) throw new ConfigError('POSTDATE_BUILD: is needed beside POSTDATE_DEPLOYMENT');
  return { deploymentName, buildId };
}

export type TemporalSettings = ReturnType<typeof readTemporal>;

/** The address of Temporal, from its own variables. Throws a `ConfigError` that names the wrong one. */
export function readTemporal(env: Record<string, string>) {
  const address = env.TEMPORAL_ADDRESS;
  if (address !== undefined && !/^[^\s:/]+:\d{1,5}$|^\[[^\]]+\]:\d{1,5}$/.test(address)) {
    throw new ConfigError('TEMPORAL_ADDRESS: must be host:port');
  }
  // envconfig reads any other word, TRUE among them, as "no". It would then send in the clear what should be encrypted.
  if (env.TEMPORAL_TLS !== undefined && !/^(true|false|1|0)$/.test(env.TEMPORAL_TLS)) {
    throw new ConfigError('TEMPORAL_TLS: must be true or false');
  }
  const load = (variables: Record<string, string>) => loadClientConnectConfig({ overrideEnvVars: variables });
  try {
    const { namespace, connectionOptions } = load(env);
    return { namespace: namespace ?? 'default', connectionOptions };
  } catch (error) {
    // envconfig does not say which variable is wrong. It is the one without which the others can be read.
    const culprit = Object.keys(env).find((name) => {
      const { [name]: left, ...others } = env;
      return name.startsWith('TEMPORAL_') && canDo(() => load(others));
    });
    throw new ConfigError(`${culprit ?? 'TEMPORAL_*'}: ${(error as Error).message}`);
  }
}

function canDo(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}
