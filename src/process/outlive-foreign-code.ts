import { resolve, sep } from 'node:path';
import type { Logger } from 'pino';
import { markHandlerError, messageFields } from '../platform/telemetry/error-context';
import { type CODE_PARTS, foreignCode } from '../platform/telemetry/foreign-code';
import { framesOf, readThrown } from '../platform/telemetry/thrown';

// Our own sources, as they run: src/ or dist/src/.
const OURS = resolve(__dirname, '..') + sep;
const LIBRARIES = `${sep}node_modules${sep}`;
// A handler may leave something behind with each of its messages. The others are counted.
const LINES_PER_MINUTE = 60;

/**
 * Keeps the process running when a handler, an upcast, or other code of the installation leaves a promise or a timer behind
 * that fails: the process holds the messages of others. Each is counted and logged, under its message's name. A promise of
 * our own is reported too, and the process goes on. An exception of our own ends the process: a timer may be lost, and other
 * workers take over what a dead one held, but never what a live one forgot.
 */
export function outliveForeignCode({
  log,
  count,
}: {
  log: Pick<Logger, 'error' | 'fatal'>;
  count(part: (typeof CODE_PARTS)[number]): void;
}): void {
  let minute = 0;
  let lines = 0;
  const report = (thrown: unknown, words: string): void => {
    const { part, name, ...message } = foreignCode() ?? { part: 'process' as const, name: undefined };
    count(part);
    const now = Math.floor(Date.now() / 60_000);
    if (now !== minute) [minute, lines] = [now, 0];
    lines += 1;
    if (lines > LINES_PER_MINUTE) return;
    const about = 'topic' in message ? messageFields(message as { topic: string }) : {};
    // Its text may quote a payload, if a handler or an unknown caller has thrown it.
    log.error({ part, name, ...about, err: markHandlerError(readThrown(thrown)) }, words);
  };
  process.on('unhandledRejection', (reason) => report(reason, 'a promise was left behind, and was rejected'));
  process.on('uncaughtException', (thrown) => {
    if (isForeign(thrown)) return report(thrown, 'something was left behind, and has thrown');
    log.fatal({ err: thrown }, 'it failed');
    process.exit(1);
  });
}

/** Whether code of the installation has thrown this: it is running, or the error comes from a file of its own, or is none. */
function isForeign(thrown: unknown): boolean {
  if (foreignCode()) return true;
  const { stack = '', message } = readThrown(thrown);
  const frames = framesOf(stack, message);
  const file = frames.find((frame) => !frame.includes('node:'));
  return frames.length === 0 || (file !== undefined && !file.includes(OURS) && !file.includes(LIBRARIES));
}
