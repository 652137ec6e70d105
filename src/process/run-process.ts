import { Runtime, type TelemetryOptions } from '@temporalio/worker';
import type { Logger } from 'pino';
import { ConfigError } from '../platform/config-error';
import { createInstruments, HISTOGRAM_BUCKETS } from '../platform/telemetry/instruments';
import { createLog, sdkLogger } from '../platform/telemetry/log';
import { countUnhandled } from '../platform/telemetry/metrics';
import { startTracing } from '../platform/telemetry/tracing-export';
import { type Config, readConfig } from './config';
import { outliveForeignCode } from './outlive-foreign-code';

/**
 * A running worker, or another part. `finished` rejects if a part of it fails for good; the other parts are stopped
 * then, too.
 */
export interface RunningWorker {
  finished: Promise<void>;
  /** Takes no new work. Work in progress is finished, or handed back after the grace time. */
  stop(): void;
}

/**
 * Runs a worker, or the HTTP API, as a process of its own. The configuration comes from the environment, the log is
 * JSON lines on standard output, and SIGTERM and SIGINT stop it with exit code 0. A failure ends it with 1 and a line
 * that says why.
 */
export async function runProcess(
  start: (config: Config, log: Logger, stopping: AbortSignal) => Promise<RunningWorker>,
): Promise<void> {
  const log = createLog();
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
    // The SDK's own signal handling would swallow a SIGTERM that comes before the first worker exists.
    Runtime.install({ logger: sdkLogger(log), shutdownSignals: [], telemetryOptions: telemetryOf(config) });
    const { count } = createInstruments(Runtime.instance().metricMeter);
    outliveForeignCode({ log, count: countUnhandled(count) });
    const stopTracing = await startTracing(process.env, log);
    worker = await start(config, log, stopping.signal);
    if (stopping.signal.aborted) worker.stop();
    await worker.finished;
    await stopTracing();
    await Runtime.instance().shutdown();
    log.info('stopped');
  } catch (error) {
    // It was told to stop while it waited to start.
    if (stopping.signal.aborted && (error as Error).name === 'AbortError') {
      log.info('stopped');
      process.exit(0);
    }
    if (error instanceof ConfigError) log.fatal(error.message);
    // Before it runs it has no messages, so the error's text cannot quote one.
    else log.fatal({ err: error, why: worker ? undefined : (error as Error).message }, 'it failed');
    process.exit(1);
  }
}

function telemetryOf({ metricsAddress }: Config): TelemetryOptions {
  // Forwarded to our log. Otherwise the SDK's native part writes lines of its own between ours.
  const logging = { forward: {}, filter: { core: 'WARN', other: 'ERROR' } } as const;
  if (metricsAddress === undefined) return { logging };
  const prometheus = { bindAddress: metricsAddress, histogramBucketOverrides: HISTOGRAM_BUCKETS };
  return {
    logging,
    metrics: { prometheus: { ...prometheus, countersTotalSuffix: true, useSecondsForDurations: true } },
  };
}
