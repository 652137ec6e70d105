import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { BenchContext } from '../harness/context';
import { attempt, type Outcome, settlingMsOf, type Turn } from './attempt';
import type { Contender } from './contender';

export type Figures = Omit<Extract<Outcome, { inTime: true }>, 'inTime'>;

export interface Finished {
  contender: Contender;
  messages: number;
  figures: Figures;
}

// Time between the last post and the due time, or the lead: work left over from posting is done by then.
const MARGIN_MS = 3_000;
// Each has as much time as the one before would have needed, and half of that more.
const ROUNDS = 4;
const RESERVE = 1.5;

/** Runs one contender's turn. If its posting takes too long, the turn is repeated with a later due time. */
export async function takeTurn(bench: BenchContext, turn: Turn): Promise<Figures> {
  const { contender, messages, leadMs, cachedWorkflows } = turn;
  let postingMs = settlingMsOf(messages) + (messages / contender.postsPerSecond) * 1000 + MARGIN_MS;
  for (let round = 0; round < ROUNDS; round += 1) {
    await pause(turn.quietMs);
    const run = `${contender.name}-${randomBytes(3).toString('hex')}`;
    const started = await contender.start({ bench, run, leadMs, cachedWorkflows });
    let stopped: Promise<unknown> | undefined;
    const stop = () => (stopped ??= started.stop());
    bench.onStop(stop);
    try {
      const outcome = await attempt({ bench, run, ...turn }, started, postingMs);
      if (outcome.inTime) {
        const { inTime: _, ...figures } = outcome;
        return figures;
      }
      postingMs = Math.max(2 * postingMs, settlingMsOf(messages) + RESERVE * outcome.postingMs + MARGIN_MS);
      bench.log(`${contender.name}: posting was not over in time; once more, with a later due time`);
    } finally {
      await stop();
    }
  }
  throw new Error(`${contender.name}: posting ${messages} messages was not over in time in ${ROUNDS} rounds`);
}
