import { streamSettings } from '../events/brokers/settings';
import { missingBeside } from '../events/brokers/variables';
import { ConfigError } from '../platform/config-error';
import { readTemporal, workflowVersionOf } from '../platform/temporal/settings';
import { tenantWeightsIn } from '../producing/dispatch/tenant-shares';
import { type ForwardSettings, forwardSettingsIn } from './forward-settings';
import { variables } from './variables';

export type Config = ReturnType<typeof readConfig>;

/** Reads the configuration from `env` alone. Throws a `ConfigError` that names the first wrong variable. */
export function readConfig(env: NodeJS.ProcessEnv) {
  // An empty value counts as unset: compose files and shells pass unset variables on as empty.
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const parsed = variables.safeParse(given);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new ConfigError(`${issue?.path.join('.')}: ${issue?.message}`);
  }
  const ours = parsed.data;
  const missing = missingBeside(ours);
  if (missing) throw new ConfigError(`${missing.variable}: ${missing.message}`);
  return {
    databaseUrl: ours.DATABASE_URL,
    databaseConnections: ours.POSTDATE_DATABASE_CONNECTIONS,
    lane: ours.POSTDATE_LANE,
    laneTopics: ours.POSTDATE_LANE_TOPICS?.split(',').map((name) => name.trim()),
    build: ours.POSTDATE_BUILD,
    heldMessages: ours.POSTDATE_HELD_MESSAGES,
    landingGroup: ours.POSTDATE_LANDING_GROUP,
    landingTransactions: ours.POSTDATE_LANDING_TRANSACTIONS,
    sweep: {
      graceMs: ours.POSTDATE_SWEEP_GRACE_SECONDS * 1_000,
      everyMs: ours.POSTDATE_SWEEP_EVERY_SECONDS * 1_000,
    },
    dispatchPerSecond: ours.POSTDATE_DISPATCH_PER_SECOND,
    dispatchWeights: parsedBy(tenantWeightsIn, 'POSTDATE_DISPATCH_WEIGHTS', ours.POSTDATE_DISPATCH_WEIGHTS),
    kept: {
      outboxDays: ours.POSTDATE_OUTBOX_KEEP_DAYS,
      ledgerDays: ours.POSTDATE_LEDGER_KEEP_DAYS,
      commandDays: ours.POSTDATE_COMMAND_KEEP_DAYS,
      webhookDays: ours.POSTDATE_WEBHOOKS_KEEP_DAYS,
    },
    streams: streamSettings(ours, ours.POSTDATE_OUTBOX_KEEP_DAYS),
    webhooks: { allowPrivateAddresses: ours.POSTDATE_WEBHOOKS_PRIVATE_ADDRESSES === 'allow' },
    metricsAddress: ours.POSTDATE_METRICS_ADDRESS,
    http: {
      address: ours.POSTDATE_HTTP_ADDRESS,
      inWorker: ours.POSTDATE_HTTP_IN_WORKER && ours.POSTDATE_HTTP_IN_WORKER === 'serve',
      requestsPerSecond: ours.POSTDATE_HTTP_REQUESTS_PER_SECOND,
      unauthorizedPerSecond: ours.POSTDATE_HTTP_UNAUTHORIZED_PER_SECOND,
      deadlineMs: ours.POSTDATE_HTTP_DEADLINE_SECONDS * 1_000,
      connections: ours.POSTDATE_HTTP_CONNECTIONS,
      trustedProxies: ours.POSTDATE_HTTP_TRUSTED_PROXIES ?? [],
    },
    forwardTopics: forwardSettingsOf(env),
    logLevel: ours.POSTDATE_LOG_LEVEL,
    workflowBundle: ours.POSTDATE_WORKFLOW_BUNDLE,
    workflowVersion: workflowVersionOf(ours),
    cachedWorkflows: ours.POSTDATE_CACHED_WORKFLOWS,
    shutdownGraceSeconds: ours.POSTDATE_SHUTDOWN_GRACE_SECONDS,
    temporal: readTemporal(given as Record<string, string>),
  };
}

/** Reads only the forward topics from the environment. Throws a `ConfigError`. */
export const forwardSettingsOf = ({ POSTDATE_FORWARD_TOPICS: text = '' }: NodeJS.ProcessEnv): ForwardSettings[] =>
  parsedBy(forwardSettingsIn, 'POSTDATE_FORWARD_TOPICS', text);

function parsedBy<Value>(parse: (text: string) => Value, variable: string, text: string): Value {
  try {
    return parse(text);
  } catch (error) {
    throw new ConfigError(`${variable}: ${(error as Error).message}`);
  }
}
