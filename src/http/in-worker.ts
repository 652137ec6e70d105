import type { Logger } from 'pino';
import type { Config } from '../process/config';

/**
 * Whether a worker serves the HTTP API, which then shares its event loop with the landings: if it is asked to by
 * POSTDATE_HTTP_IN_WORKER. For this release an address alone asks for it too, with a warning.
 */
export function isServedInWorker({ http: { inWorker, address } }: Config, log: Logger): boolean {
  if (inWorker !== undefined) return inWorker;
  if (address === undefined) return false;
  log.warn(
    { part: 'http' },
    'this worker serves the HTTP API between its landings: start it as a process of its own, or set POSTDATE_HTTP_IN_WORKER to serve or off; the next release needs serve for it',
  );
  return true;
}
