import { DefaultLogger, makeTelemetryFilterString, Runtime } from '@temporalio/worker';

/** The SDK's own lines would bury what a failed test says; its errors still show. */
export const quietLogger = new DefaultLogger('ERROR');

Runtime.install({
  logger: quietLogger,
  telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'ERROR' }) } },
});
