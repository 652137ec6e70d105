import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { type BackgroundLoop, runInBackground } from '../background-loop';
import { concerning, named } from '../concern';
import { takeSlots } from '../landing/rate-limit';
import type { Metrics } from '../metrics';
import type { Topic } from '../topic';
import { carryOut, type Refused } from './carry-out';
import { answerCommand, claimCommands, oldestWaitingMs, putBackCommand, type WaitingCommand } from './waiting-commands';

// No topic has a blank in its name.
const PACE = 'dispatch of commands';
// Some wait for a worker to answer them, ten seconds at most, and must not keep all others from going.
const AT_A_TIME = 100;
// What is under way when Temporal falls silent is all done at once when it is back, so it must not go on growing.
const SILENCE_MS = 1_000;
// So many that fail, and none that does not, are no longer a matter of those messages.
const AWAY_AFTER_FAILURES = 3;
const PROBE_EVERY_MS = 1_000;
// How long a producer's commit waits to be seen: an index lookup, some seven a second. A NOTIFY in its transaction would have
// all commits of producers wait for one lock.
const POLL_MS = 150;
const LOOK_MS = 5_000;

export interface DispatcherDeps {
  pool: Pool;
  client: Client;
  worker: string;
  metrics: Pick<Metrics, 'dispatched' | 'oldestCommand'>;
  log: Pick<Logger, 'error'>;
  onError(error: unknown): void;
}

/**
 * Takes to Temporal what producers have committed to `postdate.command`: those of one message in their order, many messages
 * at once, `dispatchPerSecond` of them over all workers of this database. What fails is tried again for ever.
 */
export function startDispatcher(
  { pool, client, worker, metrics, log, onError }: DispatcherDeps,
  topics: Topic[],
  { dispatchPerSecond: perSecond }: { dispatchPerSecond: number },
): Pick<BackgroundLoop, 'stop'> {
  const names = topics.map(({ name }) => name);
  const byName = new Map(topics.map((topic) => [topic.name, topic]));
  const underWay = new Set<Promise<void>>();
  // Places of the pace are taken a tenth of a second's worth at a time, so that workers share it.
  const group = Math.max(1, Math.floor(perSecond / 10));
  let failuresInARow = 0;
  let failedAt = 0;
  let heardAt = 0;

  // Nothing will be done for it, and its producer has gone on.
  function logRefused(command: WaitingCommand, { code, field }: Refused): void {
    const { what, commandId } = command;
    log.error({ part: 'dispatcher', ...named(command), what, commandId, code, field }, 'a command was refused');
  }

  async function dispatch(command: WaitingCommand): Promise<void> {
    try {
      const answer = await carryOut(client, byName.get(command.topic) as Topic, command);
      failuresInARow = 0;
      heardAt = performance.now();
      if (answer.result === 'notYet') {
        await putBackCommand(pool, worker, command, 'the cycle before it has not ended yet');
        return;
      }
      await answerCommand(pool, command, answer);
      metrics.dispatched(command.topic, answer.result);
      if (answer.result === 'refused') logRefused(command, answer);
    } catch (error) {
      failuresInARow += 1;
      failedAt = performance.now();
      onError(concerning(error, command, { what: command.what, commandId: command.commandId }));
      // Where this fails, too, the claim's end brings it back.
      await putBackCommand(pool, worker, command, wordsOf(error)).catch(onError);
    }
  }

  function room(): number {
    const now = performance.now();
    if (underWay.size > 0 && now - heardAt > SILENCE_MS) return 0;
    if (failuresInARow < AWAY_AFTER_FAILURES) return Math.min(group, AT_A_TIME - underWay.size);
    // While Temporal is away one at a time finds out when it is back; the others keep their short pauses.
    return underWay.size === 0 && now - failedAt > PROBE_EVERY_MS ? 1 : 0;
  }

  async function look(): Promise<'more' | 'idle'> {
    const limit = room();
    if (limit === 0 || names.length === 0) return 'idle';
    const commands = await claimCommands(pool, worker, { topics: names, limit });
    if (commands.length === 0) return 'idle';
    const waitMs = await takeSlots(pool, PACE, { slots: commands.length, perSecond });
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    if (underWay.size === 0) heardAt = performance.now();
    for (const command of commands) {
      const dispatched = dispatch(command).finally(() => underWay.delete(dispatched));
      underWay.add(dispatched);
    }
    return commands.length === limit ? 'more' : 'idle';
  }

  const loop = runInBackground(look, { pauseMs: POLL_MS, onError });
  const report = async () => {
    metrics.oldestCommand(await oldestWaitingMs(pool));
    return 'idle' as const;
  };
  const watch = runInBackground(report, { pauseMs: LOOK_MS, onError });
  return {
    async stop() {
      await Promise.all([loop.stop(), watch.stop()]);
      await Promise.all(underWay);
    },
  };
}

/** What went wrong, down to the cause: the SDK's own words say only that a call has failed. */
function wordsOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message}: ${wordsOf(cause)}` : String(message ?? error);
}
