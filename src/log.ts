import { DefaultLogger } from '@temporalio/worker';
import pino, { type DestinationStream, type Logger } from 'pino';
import { errorContextOf } from './error-context';
import { errorFields } from './log-errors';

// No line of ours has them; should one get them some day, they do not show.
const NEVER = ['payload', 'body', 'data', 'delivery'];

/** The log of a process: JSON lines, on standard output unless told otherwise, in which no payload can be. */
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
// Others hold what an activity was given, a task that could not be read, or a failure with its details.
const SDK_FIELDS = [
  ...['sdkComponent', 'namespace', 'taskQueue', 'workflowId', 'runId', 'workflowType', 'activityId', 'activityType'],
  ...['attempt', 'durationMs', 'state', 'target', 'cycle', 'why', 'run_id', 'operation'],
];

/** The logger of Temporal's SDK: its lines become ours, name the message that they are about, and lose what they quote. */
export const sdkLogger = (log: Logger): DefaultLogger =>
  // At the log's own level, as there is a line of a lower one for each activation.
  new DefaultLogger(log.level.toUpperCase() as Level, ({ level, message, meta = {} }) => {
    const error = meta.error ?? meta.err;
    const fields = Object.fromEntries(SDK_FIELDS.flatMap((name) => (name in meta ? [[name, meta[name]]] : [])));
    const about = { ...refOf(meta.workflowId), ...fields, ...(error === undefined ? {} : { err: error }) };
    // Of what is about a message our own line has told.
    const isLogged = Object.keys(errorContextOf(error)).length > 0;
    log[isLogged ? 'debug' : LEVELS[level]](about, withoutErrorText(message, error));
  });

/** The message of a workflow's id; nothing for a workflow of another kind. */
function refOf(workflowId: unknown): object {
  const [ours, topic, tenant, key] = String(workflowId).split(':');
  return ours === 'postdate' ? { topic, tenant, key } : {};
}

/** The SDK's own words: some of its lines go on with those of an error, which may be anybody's. */
function withoutErrorText(message: string, error: unknown): string {
  const said = (error as Error | undefined)?.message;
  return said ? message.replaceAll(said, '…') : message;
}
