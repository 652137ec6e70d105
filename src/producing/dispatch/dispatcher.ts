import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type { Refusal } from '../../message/refusal';
import type { Hints } from '../../platform/database/hints';
import { inTransaction, type Queryable } from '../../platform/database/pool';
import { takeSlots } from '../../platform/database/rate-limit';
import { runWhileWorkWaits } from '../../platform/database/resting-loop';
import { type BackgroundLoop, runInBackground } from '../../platform/loops/background-loop';
import { messageFields, withErrorContext } from '../../platform/telemetry/error-context';
import type { Metrics } from '../../platform/telemetry/metrics';
import { readThrown } from '../../platform/telemetry/thrown';
import type { Topic } from '../../topics/topic';
import { answerCommand, oldestWaitingMs, putBackCommand, type QueuedCommand } from './command-queue';
import { executeCommand, type Refused } from './execute-command';
import { createFairClaims } from './fair-claims';
import { createTemporalCheck } from './temporal-check';
import type { TenantWeights } from './tenant-shares';

// Topics have rate limits under their own names. No topic has a blank in its name.
const RATE_NAME = 'dispatch of commands';
// How long a committed command may stay unseen. The poll is an index lookup, some seven a second. Producers notify only a
// dispatcher that rests: otherwise all their commits would wait for one lock.
const POLL_MS = 150;
// A command that cannot be claimed now keeps the dispatcher awake.
const WAITS = 'exists (select from postdate.dispatch_queue where topic = any($1))';
const REPORT_EVERY_MS = 5_000;

export interface DispatcherDeps {
  pool: Pool;
  client: Client;
  /** Messages are started by it, so that this process's workers need not be asked for their first task. */
  starting?: Client;
  worker: string;
  metrics: Pick<Metrics, 'dispatched' | 'oldestCommand'>;
  log: Pick<Logger, 'error'>;
  /** With them it looks seldom while no command waits. */
  hints?: Hints;
  onError(error: unknown): void;
  /** Records a refusal, in the transaction of the answer, where its producer can see it. */
  recordRefusal(tx: Queryable, command: QueuedCommand, refusal: Refusal): Promise<void>;
}

/**
 * Takes the commands that producers have committed to `postdate.command` to Temporal. The commands of one message go in
 * their order, many messages at once, `dispatchPerSecond` over all workers of this database. Tenants take turns. A failed
 * command is tried again without end.
 */
export function startDispatcher(
  { pool, client, starting, worker, metrics, log, hints, onError, recordRefusal }: DispatcherDeps,
  topics: Topic[],
  {
    dispatchPerSecond: perSecond,
    dispatchWeights: weights,
  }: { dispatchPerSecond: number; dispatchWeights: TenantWeights },
): Pick<BackgroundLoop, 'stop'> {
  const names = topics.map(({ name }) => name);
  const byName = new Map(topics.map((topic) => [topic.name, topic]));
  const inFlight = new Set<Promise<void>>();
  const claims = createFairClaims(pool, worker, { topics: names, weights });
  const temporal = createTemporalCheck(client, onError);
  // Slots of the rate limit are taken for a tenth of a second at a time, so that workers share the rate.
  const group = Math.max(1, Math.floor(perSecond / 10));

  // The command will have no effect, and its producer no longer waits for it.
  async function refuse(command: QueuedCommand, refused: Refused): Promise<void> {
    await inTransaction(pool, async (tx) => {
      if (await answerCommand(tx, command, refused)) await recordRefusal(tx, command, refused);
    });
    const { what, commandId } = command;
    const { code, field } = refused;
    log.error({ part: 'dispatcher', ...messageFields(command), what, commandId, code, field }, 'a command was refused');
  }

  async function dispatch(command: QueuedCommand): Promise<void> {
    try {
      const answer = await executeCommand(client, byName.get(command.topic) as Topic, command, { starting });
      temporal.answered();
      if (answer.result === 'notYet') {
        await putBackCommand(pool, worker, command, 'the cycle before it has not ended yet');
        return;
      }
      if (answer.result === 'refused') await refuse(command, answer);
      else await answerCommand(pool, command, answer);
      metrics.dispatched(command.topic, answer.result);
    } catch (thrown) {
      // The topic's upcasts and schema are foreign code.
      const error = readThrown(thrown);
      temporal.failed();
      onError(withErrorContext(error, command, { what: command.what, commandId: command.commandId }));
      // If this fails too, the claim expires and the command is tried again.
      await putBackCommand(pool, worker, command, errorText(error)).catch(onError);
    }
  }

  async function dispatchNext(): Promise<'more' | 'idle'> {
    if (names.length === 0 || !(await temporal.isThere(inFlight.size))) return 'idle';
    const commands = await claims.claim(group);
    if (commands.length === 0) return 'idle';
    // They are claimed now, so an error here must not leave them behind.
    const waitMs = await takeSlots(pool, RATE_NAME, { slots: commands.length, perSecond }).catch((error) => {
      onError(error);
      return 0;
    });
    await pause(waitMs);
    for (const command of commands) {
      const dispatched = dispatch(command).finally(() => {
        claims.release(command);
        inFlight.delete(dispatched);
      });
      inFlight.add(dispatched);
    }
    return 'more';
  }

  const waiting = { waits: WAITS, values: [names], pollMs: POLL_MS };
  const loop = runWhileWorkWaits({ pool, hints, onError }, { what: 'commands', ...waiting }, dispatchNext);
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
