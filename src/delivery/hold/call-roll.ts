import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type { ScheduledMessage } from '../../message/contract';
import type { DatabaseClock } from '../../platform/database/clock';
import { acquireLease } from '../../platform/database/lease';
import type { Metrics } from '../../platform/telemetry/metrics';
import type { MessageStatus } from '../../producing/message-status';
import type { RunWithMessage } from '../../producing/runs-with-messages';
import type { Waiting } from '../../producing/waiting-runs';
import { hasRows } from '../../topics/business-rows';
import { countDueRows, type DueWindow } from '../../topics/due-rows';
import type { Topic } from '../../topics/topic';
import { leadMsOf } from '../../topics/topic-limits';
import { countHeld } from '../held/not-held';
import { fetchFromList, selectionOf } from './fetch-from-list';
import { fetchFromRows } from './fetch-from-rows';
import { createFetchRate } from './fetch-rate';
import { holdOneByOne } from './hold-one-by-one';
import { createRollCallWindow } from './roll-call-window';
import type { TakingSets } from './take-set';
import { createWakeTaken } from './wake-taken';

// So many are fetched by sets without a lease of their own, and without a line in the log.
const FEW = 100;

export interface RollCallDeps {
  pool: Pool;
  worker: string;
  clock: Pick<DatabaseClock, 'now'>;
  metrics: Pick<Metrics, 'missing' | 'fetched'>;
  log: Pick<Logger, 'warn' | 'info'>;
  waiting: Pick<Waiting, 'count' | 'pages' | 'deliveryOf'>;
  /** Makes the newest run of a message look at the clock. */
  wake(message: ScheduledMessage): Promise<void>;
  /** Has the run answered once its message has landed: its delivery may never reach a worker. */
  lostAnswers: { watch(run: MessageStatus, message: ScheduledMessage): void };
  onError(error: unknown): void;
}

/** The roll of a topic: each call looks at its business rows, if it has any, and then at Temporal's list. */
export function createRoll(
  deps: RollCallDeps & Pick<TakingSets, 'hold' | 'room'>,
  topic: Topic,
  { guardMs, everyMs }: { guardMs: number; everyMs: number },
) {
  const { pool, clock, waiting, log } = deps;
  const rate = createFetchRate();
  const always = topic.bySets === 'always';
  const wakeTaken = createWakeTaken(deps);

  function within(reachMs: number): DueWindow {
    const from = clock.now();
    return { from, to: from + reachMs };
  }

  const windowOf = (countMissing: (window: DueWindow) => Promise<number>) =>
    createRollCallWindow(
      { leadMs: leadMsOf(topic), guardMs, always },
      { countMissing: (reachMs) => countMissing(within(reachMs)), perSecond: rate.perSecond },
    );

  async function fetch(from: 'rows' | 'list', missing: number, fetchSets: () => Promise<number>): Promise<void> {
    // One worker at a time has the look, and a few take no longer.
    if (missing <= FEW) {
      await fetchSets();
      return;
    }
    // A fetch takes longer than a look. Another worker would begin the same one.
    const expectedMs = Math.max(everyMs, (missing * 1_000) / rate.perSecond());
    if (!(await acquireLease(pool, `fetch from ${from}: ${topic.name}`, expectedMs))) return;
    const startedAt = performance.now();
    const messages = await fetchSets();
    const tookMs = Math.round(performance.now() - startedAt);
    rate.fetched(messages, tookMs);
    log.info({ part: 'roll call', topic: topic.name, from, missing, messages, tookMs }, 'fetched by sets');
  }

  const rows = hasRows(topic) ? windowOf((window) => countDueRows(pool, topic, window)) : undefined;
  const list = windowOf(async (window) => {
    // Temporal is asked first, so that a message that is held in between does not seem to be missing.
    const waits = await waiting.count(selectionOf(topic, window));
    return waits === 0 ? 0 : Math.max(0, waits - (await countHeld(pool, topic.name, window)));
  });

  return async function callRoll(): Promise<void> {
    const ofRows = (await rows?.burst()) ?? (always ? await rows?.near() : undefined);
    if (ofRows && ofRows.missing > 0 && hasRows(topic)) {
      const { reachMs, missing } = ofRows;
      await fetch('rows', missing, () => fetchFromRows(deps, topic, within(reachMs), missing));
    }
    const { reachMs, missing, bySets } = (await list.burst()) ?? (await list.near());
    if (missing === 0) return;
    const window = within(reachMs);
    const onPage = (page: RunWithMessage[]) => wakeTaken(topic.name, page, clock.now());
    let unread: MessageStatus[] = [];
    const fromList = async () => {
      const found = await fetchFromList(deps, topic, window, { missing, bySets, onPage });
      unread = found.unread;
      return found.taken;
    };
    await (bySets ? fetch('list', missing, fromList) : fromList());
    // Those that are due later wake by themselves.
    const soonAt = clock.now() + guardMs;
    const soon = unread.filter(({ dueAt }) => Date.parse(dueAt ?? '') <= soonAt);
    await holdOneByOne(deps, topic, soon, window.to);
  };
}
