import { DefaultLogger } from '@temporalio/worker';
import pino, { type DestinationStream, type Logger } from 'pino';
import { errorContextOf } from './error-context';
import { errorFields } from './log-errors';

// No log line of ours has these fields. If one ever did, they would be removed.
const NEVER = ['payload', 'body', 'data', 'delivery'];

/** The log of a process: JSON lines, by default on standard output. They never contain a payload. */
export const createLog = (destination?: DestinationStream): Logger => {
  const options = {
    base: { name: 'postdate' },
    serializers: { err: (error: unknown) => errorFields(error) },
    redact: { paths: NEVER.flatMap((name) => [name, `*.${name}`]), remove: true },
  };
  return destination ? pino(options, destination) : pino(options);
};

const LEVELS = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;
type Level = keyof typeof LEVELS;
// Other fields may contain an activity's input, an unreadable task, or a failure with its details.
const SDK_FIELDS = [
  ...['sdkComponent', 'namespace', 'taskQueue', 'workflowId', 'runId', 'workflowType', 'activityId', 'activityType'],
  ...['attempt', 'durationMs', 'state', 'target', 'cycle', 'why', 'run_id', 'operation'],
];

/** The logger for Temporal's SDK. Its lines become ours: they name their message, and lose what they quote. */
export const sdkLogger = (log: Logger): DefaultLogger =>
  // At the log's own level: the SDK has a line of a lower level for each activation.
  new DefaultLogger(log.level.toUpperCase() as Level, ({ level, message, meta = {} }) => {
    const error = meta.error ?? meta.err;
    const fields = Object.fromEntries(SDK_FIELDS.flatMap((name) => (name in meta ? [[name, meta[name]]] : [])));
    const about = { ...refOf(meta.workflowId), ...fields, ...(error === undefined ? {} : { err: error }) };
    // Our own line has already reported an error that names its message.
    const isLogged = Object.keys(errorContextOf(error)).length > 0;
    log[isLogged ? 'debug' : LEVELS[level]](about, withoutErrorText(message, error));
  });

/** The message that a workflow id names; empty for other workflows. */
function refOf(workflowId: unknown): object {
  const [ours, topic, tenant, key] = String(workflowId).split(':');
  return ours === 'postdate' ? { topic, tenant, key } : {};
}

/** The SDK's line without the error's message, which may quote anything. */
function withoutErrorText(message: string, error: unknown): string {
  const said = (error as Error | undefined)?.message;
  return said ? message.replaceAll(said, '…') : message;
}
