import { z } from 'zod';
import { FEWEST_CONNECTIONS } from '../delivery/landing/connection-shares';
import { streamVariables } from '../events/brokers/variables';
import { refuseLaneName, STABLE } from '../message/lane-name';
import { versionVariables } from '../platform/temporal/workflow-version';
import { isProxyAddress } from './proxy-address';

const whole = (from: number, to: number) => z.coerce.number().int().min(from).max(to);

const hostAndPort = z.string().regex(/^[^\s:/]+:\d{1,5}$/, 'must be host:port');

const proxies = z
  .string()
  .transform((text) => text.split(',').map((one) => one.trim()))
  .refine((all) => all.every(isProxyAddress), 'must be addresses or networks such as 10.0.0.0/8, with commas between');

/** Every variable of Postdate, with its default. Temporal's own (TEMPORAL_ADDRESS, …) are read by its envconfig. */
export const variables = z.object({
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
  POSTDATE_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info'),
  POSTDATE_DATABASE_CONNECTIONS: whole(FEWEST_CONNECTIONS, 500).default(20),
  // Enough for all held messages, and for messages that sleep for a minute, at the rate that two cores carry. A
  // workflow outside of the cache is replayed from its history. One takes about 59 KB; during days of sleep the cache
  // gains nothing.
  POSTDATE_CACHED_WORKFLOWS: whole(1, 100_000).default(2_000),
  // How many messages a worker holds at a time; one takes some 36 KB of memory. Further messages wait in Temporal.
  POSTDATE_HELD_MESSAGES: whole(1, 1_000_000).default(10_000),
  // The messages in one landing. Larger groups land faster and keep rows locked for longer.
  POSTDATE_LANDING_GROUP: whole(1, 500).default(500),
  // Of each topic: one transaction commits while the other works. More of them only compete for the same disk.
  POSTDATE_LANDING_TRANSACTIONS: whole(1, 100).default(2),
  // The lane that this worker lands: `stable` lands all messages that no rule sends elsewhere, a lane on trial only its
  // own.
  POSTDATE_LANE: z
    .string()
    .refine((lane) => !refuseLaneName(lane), 'must be 1 to 40 of a-z, 0-9 and -')
    .default(STABLE),
  // The topics of a lane on trial, separated by commas. Default: all that are installed.
  POSTDATE_LANE_TOPICS: z.string().optional(),
  // The workflow bundle that `npm run build` has made. Without it, a worker bundles the workflows at each start.
  POSTDATE_WORKFLOW_BUNDLE: z.string().optional(),
  // The sweep looks after messages that are overdue for longer, and runs every few seconds.
  POSTDATE_SWEEP_GRACE_SECONDS: whole(1, 86_400).default(10),
  POSTDATE_SWEEP_EVERY_SECONDS: whole(1, 3_600).default(5),
  // For all workers of a database together. It is well below what Temporal takes on two cores, so that Temporal has
  // room for its own work when it returns from an outage.
  POSTDATE_DISPATCH_PER_SECOND: whole(1, 10_000).default(50),
  // How many commands a tenant dispatches in its turn, as acme=3,globex=2. Default: one.
  POSTDATE_DISPATCH_WEIGHTS: z.string().default(''),
  // For how long read events, and decisions on finished messages, are kept. Decisions are kept for ever by default.
  POSTDATE_OUTBOX_KEEP_DAYS: whole(1, 36_500).default(30),
  // If this were shorter than a hop, a decision could be removed before the workflow that slept meanwhile has read it.
  POSTDATE_LEDGER_KEEP_DAYS: whole(60, 36_500).optional(),
  // Within this time a repeated command is recognised by its row, later by what Temporal and the ledger remember.
  POSTDATE_COMMAND_KEEP_DAYS: whole(1, 36_500).default(30),
  // For how long the log of webhooks is kept: sent events, and those that were given up.
  POSTDATE_WEBHOOKS_KEEP_DAYS: whole(1, 36_500).default(30),
  // Allow it only where everybody who may register webhooks may also reach all that this machine reaches: local
  // development.
  POSTDATE_WEBHOOKS_PRIVATE_ADDRESSES: z.enum(['refuse', 'allow']).default('refuse'),
  // Where Prometheus may scrape this worker: its own metrics and the SDK's.
  POSTDATE_METRICS_ADDRESS: hostAndPort.optional(),
  // Where the HTTP API listens.
  POSTDATE_HTTP_ADDRESS: hostAndPort.optional(),
  // Requests and landings share one event loop in a worker that serves the API.
  POSTDATE_HTTP_IN_WORKER: z.enum(['serve', 'off']).optional(),
  POSTDATE_HTTP_REQUESTS_PER_SECOND: whole(1, 1_000_000).default(1_000),
  // Enough for a service with a wrong key to show in the logs, and far too little to guess a key.
  POSTDATE_HTTP_UNAUTHORIZED_PER_SECOND: whole(1, 1_000_000).default(10),
  // For all calls to Temporal of one request: ten seconds for a worker to answer a command, and five to leave it there.
  POSTDATE_HTTP_DEADLINE_SECONDS: whole(1, 300).default(15),
  // At about 20 KB of memory each; a further one takes the place of an idle one.
  POSTDATE_HTTP_CONNECTIONS: whole(1, 100_000).default(1_000),
  // The proxies that may set X-Forwarded-For. Any client can write that header, so by default no proxy is believed.
  POSTDATE_HTTP_TRUSTED_PROXIES: proxies.optional(),
  // Topics without a handler, declared by configuration alone. forwardSettingsOf reads it.
  POSTDATE_FORWARD_TOPICS: z.string().optional(),
  // The time that deliveries in progress get at SIGTERM. The orchestrator must wait a little longer before it kills.
  POSTDATE_SHUTDOWN_GRACE_SECONDS: whole(1, 3_600).default(20),
  ...versionVariables,
  ...streamVariables,
});
