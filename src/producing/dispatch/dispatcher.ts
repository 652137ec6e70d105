import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { takeSlots } from '../../platform/database/rate-limit';
import { type BackgroundLoop, runInBackground } from '../../platform/loops/background-loop';
import { messageFields, withErrorContext } from '../../platform/telemetry/error-context';
import type { Metrics } from '../../platform/telemetry/metrics';
import { readThrown } from '../../platform/telemetry/thrown';
import type { Topic } from '../../topics/topic';
import { answerCommand, claimCommands, oldestWaitingMs, putBackCommand, type QueuedCommand } from './command-queue';
import { executeCommand, type Refused } from './execute-command';

// Topics have rate limits under their own names. No topic has a blank in its name.
const RATE_NAME = 'dispatch of commands';
// A command may wait ten seconds for a worker to answer it. Such commands must not block all others.
const AT_A_TIME = 100;
// If Temporal has answered nothing for so long, no further commands are started: when it returns, it executes all that
// are in flight at once.
const SILENCE_MS = 1_000;
// So many failures in a row, without a success, do not come from the messages. Temporal counts as away.
const AWAY_AFTER_FAILURES = 3;
const PROBE_EVERY_MS = 1_000;
// How long a committed command may stay unseen. The poll is an index lookup, some seven a second. With NOTIFY, all
// commits of producers would wait for one lock.
const POLL_MS = 150;
const REPORT_EVERY_MS = 5_000;

export interface DispatcherDeps {
  pool: Pool;
  client: Client;
  worker: string;
  metrics: Pick<Metrics, 'dispatched' | 'oldestCommand'>;
  log: Pick<Logger, 'error'>;
  onError(error: unknown): void;
}

/**
 * Takes the commands that producers have committed to `postdate.command` to Temporal. The commands of one message go in
 * their order, many messages at once, `dispatchPerSecond` over all workers of this database. A failed command is tried
 * again without end.
 */
export function startDispatcher(
  { pool, client, worker, metrics, log, onError }: DispatcherDeps,
  topics: Topic[],
  { dispatchPerSecond: perSecond }: { dispatchPerSecond: number },
): Pick<BackgroundLoop, 'stop'> {
  const names = topics.map(({ name }) => name);
  const byName = new Map(topics.map((topic) => [topic.name, topic]));
  const inFlight = new Set<Promise<void>>();
  // Slots of the rate limit are taken for a tenth of a second at a time, so that workers share the rate.
  const group = Math.max(1, Math.floor(perSecond / 10));
  let failuresInARow = 0;
  let failedAt = 0;
  let lastAnswerAt = 0;

  // The command will have no effect, and its producer no longer waits for it.
  function logRefused(command: QueuedCommand, { code, field }: Refused): void {
    const { what, commandId } = command;
    log.error({ part: 'dispatcher', ...messageFields(command), what, commandId, code, field }, 'a command was refused');
  }

  async function dispatch(command: QueuedCommand): Promise<void> {
    try {
      const answer = await executeCommand(client, byName.get(command.topic) as Topic, command);
      failuresInARow = 0;
      lastAnswerAt = performance.now();
      if (answer.result === 'notYet') {
        await putBackCommand(pool, worker, command, 'the cycle before it has not ended yet');
        return;
      }
      await answerCommand(pool, command, answer);
      metrics.dispatched(command.topic, answer.result);
      if (answer.result === 'refused') logRefused(command, answer);
    } catch (thrown) {
      // The topic's upcasts and schema are foreign code.
      const error = readThrown(thrown);
      failuresInARow += 1;
      failedAt = performance.now();
      onError(withErrorContext(error, command, { what: command.what, commandId: command.commandId }));
      // If this fails too, the claim expires and the command is tried again.
      await putBackCommand(pool, worker, command, errorText(error)).catch(onError);
    }
  }

  function freeSlots(): number {
    const now = performance.now();
    if (inFlight.size > 0 && now - lastAnswerAt > SILENCE_MS) return 0;
    if (failuresInARow < AWAY_AFTER_FAILURES) return Math.min(group, AT_A_TIME - inFlight.size);
    // While Temporal is away, one command at a time probes for its return. The others keep their short pauses.
    return inFlight.size === 0 && now - failedAt > PROBE_EVERY_MS ? 1 : 0;
  }

  async function dispatchNext(): Promise<'more' | 'idle'> {
    const limit = freeSlots();
    if (limit === 0 || names.length === 0) return 'idle';
    const commands = await claimCommands(pool, worker, { topics: names, limit });
    if (commands.length === 0) return 'idle';
    const waitMs = await takeSlots(pool, RATE_NAME, { slots: commands.length, perSecond });
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    if (inFlight.size === 0) lastAnswerAt = performance.now();
    for (const command of commands) {
      const dispatched = dispatch(command).finally(() => inFlight.delete(dispatched));
      inFlight.add(dispatched);
    }
    return commands.length === limit ? 'more' : 'idle';
  }

  const loop = runInBackground(dispatchNext, { pauseMs: POLL_MS, onError });
  const report = async () => {
    metrics.oldestCommand(await oldestWaitingMs(pool));
    return 'idle' as const;
  };
  const reporting = runInBackground(report, { pauseMs: REPORT_EVERY_MS, onError });
  return {
    async stop() {
      await Promise.all([loop.stop(), reporting.stop()]);
      await Promise.all(inFlight);
    },
  };
}

/** The messages of an error and of its causes: the SDK's own message only says that a call has failed. */
const errorText = ({ message, cause }: Error): string =>
  cause instanceof Error ? `${message}: ${errorText(cause)}` : message;
