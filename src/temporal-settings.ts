import { loadClientConnectConfig } from '@temporalio/envconfig';
import { ConfigError } from './config-error';
import type { WorkflowVersion } from './workflow-version';

/** The version of its workflow code that a worker polls as, if it names one. Throws a `ConfigError`. */
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

/** Where Temporal is, by its own variables. Throws a `ConfigError` that names the one at fault. */
export function readTemporal(env: Record<string, string>) {
  const address = env.TEMPORAL_ADDRESS;
  if (address !== undefined && !/^[^\s:/]+:\d{1,5}$|^\[[^\]]+\]:\d{1,5}$/.test(address)) {
    throw new ConfigError('TEMPORAL_ADDRESS: must be host:port');
  }
  // envconfig takes any other word, TRUE among them, for "no", and would send what should be encrypted in the clear.
  if (env.TEMPORAL_TLS !== undefined && !/^(true|false|1|0)$/.test(env.TEMPORAL_TLS)) {
    throw new ConfigError('TEMPORAL_TLS: must be true or false');
  }
  const load = (variables: Record<string, string>) => loadClientConnectConfig({ overrideEnvVars: variables });
  try {
    const { namespace, connectionOptions } = load(env);
    return { namespace: namespace ?? 'default', connectionOptions };
  } catch (error) {
    // envconfig does not say which variable is at fault; it is the one without which the rest is read.
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
