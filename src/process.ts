import { DefaultLogger, Runtime, type TelemetryOptions } from '@temporalio/worker';
import pino, { type Logger } from 'pino';
import { type Config, ConfigError, readConfig } from './config';
import { HISTOGRAM_BUCKETS } from './metrics';

const PINO_LEVELS = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;

/** A worker, or another part, at work. `finished` rejects if a part of it fails for good; the other parts are stopped then, too. */
export interface RunningWorker {
  finished: Promise<void>;
  /** No new work; what is in progress is finished, or handed back after the grace time. */
  stop(): void;
}

/**
 * Runs a worker, or the HTTP API, as a process of its own: configuration from the environment, JSON lines on standard output,
 * SIGTERM and SIGINT stop it with exit code 0; anything that fails ends it with 1 and a line that says why.
 */
export async function runProcess(
  start: (config: Config, log: Logger, stopping: AbortSignal) => Promise<RunningWorker>,
): Promise<void> {
  const log = pino({ base: { name: 'postdate' } });
  let worker: RunningWorker | undefined;
  const stopping = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      log.info({ signal }, 'stopping');
      stopping.abort();
      worker?.stop();
    });
  }
  try {
    const config = readConfig(process.env);
    log.level = config.logLevel;
    const sdkLogger = new DefaultLogger('INFO', ({ level, message, meta }) => log[PINO_LEVELS[level]](meta, message));
    // The SDK's own signal handling would swallow a SIGTERM that comes before the first worker exists.
    Runtime.install({ logger: sdkLogger, shutdownSignals: [], telemetryOptions: telemetryOf(config) });
    worker = await start(config, log, stopping.signal);
    if (stopping.signal.aborted) worker.stop();
    await worker.finished;
    await Runtime.instance().shutdown();
    log.info('stopped');
  } catch (error) {
    if (error instanceof ConfigError) log.fatal(error.message);
    else log.fatal({ err: error }, 'it failed');
    process.exit(1);
  }
}

function telemetryOf({ metricsAddress }: Config): TelemetryOptions {
  if (metricsAddress === undefined) return {};
  const prometheus = { bindAddress: metricsAddress, histogramBucketOverrides: HISTOGRAM_BUCKETS };
  return { metrics: { prometheus: { ...prometheus, countersTotalSuffix: true, useSecondsForDurations: true } } };
}
