import { z } from 'zod';
import { ConfigError } from './config-error';
import { type ForwardSettings, forwardSettingsIn } from './forward-settings';
import { refuseLaneName, STABLE } from './lane-name';
import { isProxyAddress } from './proxy-address';
import { streamSettings } from './streams/settings';
import { missingBeside, streamVariables } from './streams/variables';
import { readTemporal, workflowVersionOf } from './temporal-settings';
import { versionVariables } from './workflow-version';

const whole = (from: number, to: number) => z.coerce.number().int().min(from).max(to);

const hostAndPort = z.string().regex(/^[^\s:/]+:\d{1,5}$/, 'must be host:port');

const proxies = z
  .string()
  .transform((text) => text.split(',').map((one) => one.trim()))
  .refine((all) => all.every(isProxyAddress), 'must be addresses or networks such as 10.0.0.0/8, with commas between');

// Every variable of ours and its default. Temporal's own (TEMPORAL_ADDRESS, …) are read by its envconfig.
const variables = z.object({
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
  POSTDATE_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info'),
  POSTDATE_DATABASE_CONNECTIONS: whole(2, 500).default(20),
  // Enough for those that are held, and that sleep for a minute only, at the rate that two cores carry; out of the
  // cache a workflow is replayed from its history. One costs about 59 KB; in days of sleep it gains nothing from it.
  POSTDATE_CACHED_WORKFLOWS: whole(1, 100_000).default(2_000),
  // How many messages one worker holds at a time; one takes some 36 KB of memory. What is more waits in Temporal.
  POSTDATE_HELD_MESSAGES: whole(1, 1_000_000).default(10_000),
  // Larger groups land faster and keep rows locked for longer.
  POSTDATE_LANDING_GROUP: whole(1, 500).default(500),
  // One commits while the other works. More of them only compete for the same disk.
  POSTDATE_LANDING_TRANSACTIONS: whole(1, 100).default(2),
  // Whose deliveries this worker lands: everybody's that no rule sends elsewhere, or those of a lane on trial alone.
  POSTDATE_LANE: z
    .string()
    .refine((lane) => !refuseLaneName(lane), 'must be 1 to 40 of a-z, 0-9 and -')
    .default(STABLE),
  // Of which topics, in a lane on trial, with commas between; by default of all that are installed.
  POSTDATE_LANE_TOPICS: z.string().optional(),
  // The workflows as `npm run build` has bundled them; without it a worker does so itself, each time it starts.
  POSTDATE_WORKFLOW_BUNDLE: z.string().optional(),
  // What is overdue for longer is looked after by the sweep, which comes every few seconds.
  POSTDATE_SWEEP_GRACE_SECONDS: whole(1, 86_400).default(10),
  POSTDATE_SWEEP_EVERY_SECONDS: whole(1, 3_600).default(5),
  // Over all workers of a database; well below what Temporal takes on two cores, so that it has room for its own work
  // when it comes back from an outage.
  POSTDATE_DISPATCH_PER_SECOND: whole(1, 10_000).default(50),
  // How long events stay that everyone has read, and decisions on messages that are finished; those, by default, for ever.
  POSTDATE_OUTBOX_KEEP_DAYS: whole(1, 36_500).default(30),
  // Shorter than a hop, a decision could be gone before a workflow that slept through it has read it.
  POSTDATE_LEDGER_KEEP_DAYS: whole(60, 36_500).optional(),
  // A command repeated within this time is known by its row; later by what Temporal and the ledger remember.
  POSTDATE_COMMAND_KEEP_DAYS: whole(1, 36_500).default(30),
  // How long it is known which events were sent to webhooks, and which were given up.
  POSTDATE_WEBHOOKS_KEEP_DAYS: whole(1, 36_500).default(30),
  // Only where whoever may register webhooks may reach everything that this machine reaches: local development.
  POSTDATE_WEBHOOKS_PRIVATE_ADDRESSES: z.enum(['refuse', 'allow']).default('refuse'),
  // Where Prometheus may scrape this worker: its own metrics and the SDK's.
  POSTDATE_METRICS_ADDRESS: hostAndPort.optional(),
  // Where the HTTP API listens. A worker serves it only when this is set.
  POSTDATE_HTTP_ADDRESS: hostAndPort.optional(),
  POSTDATE_HTTP_REQUESTS_PER_SECOND: whole(1, 1_000_000).default(1_000),
  // Enough for a service with a wrong key to show itself in the logs; for guessing a key it is nothing.
  POSTDATE_HTTP_UNAUTHORIZED_PER_SECOND: whole(1, 1_000_000).default(10),
  // Whose X-Forwarded-For is believed. Anybody can write that header, so by default nobody's is.
  POSTDATE_HTTP_TRUSTED_PROXIES: proxies.optional(),
  // Topics without a handler, by configuration alone; read by forwardSettingsOf.
  POSTDATE_FORWARD_TOPICS: z.string().optional(),
  // What a delivery in progress is given at SIGTERM; the orchestrator must wait a little longer before it kills.
  POSTDATE_SHUTDOWN_GRACE_SECONDS: whole(1, 3_600).default(20),
  ...versionVariables,
  ...streamVariables,
});

export type Config = ReturnType<typeof readConfig>;

/** Reads the configuration from `env` alone; throws a `ConfigError` that names the first wrong variable. */
export function readConfig(env: NodeJS.ProcessEnv) {
  // An empty value is an unset one: compose files and shells pass unset variables on as empty.
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
      requestsPerSecond: ours.POSTDATE_HTTP_REQUESTS_PER_SECOND,
      unauthorizedPerSecond: ours.POSTDATE_HTTP_UNAUTHORIZED_PER_SECOND,
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

/** The forward topics that the environment declares, for those who need no more of it. Throws a `ConfigError`. */
export function forwardSettingsOf({ POSTDATE_FORWARD_TOPICS: text = '' }: NodeJS.ProcessEnv): ForwardSettings[] {
  try {
    return forwardSettingsIn(text);
  } catch (error) {
    throw new ConfigError(`POSTDATE_FORWARD_TOPICS: ${(error as Error).message}`);
  }
}
