import type { Pool } from 'pg';
import type { Delivery } from '../../message/contract';
import type { Topic } from '../../topics/topic';
import type { Attempt } from '../held/held-message';
import { readUnclaimed } from '../landing/claims';

const BATCH = 500;

interface Asked {
  topic: Topic;
  delivery: Delivery;
  attempt: Attempt;
  /** Called if the message is not decided, or the ledger cannot be asked. */
  undecided(): void;
}

/**
 * Answers attempts of messages that have landed without them with the ledger's decision. One question at a time, for all that
 * have come meanwhile.
 */
export function createLedgerAnswers({ pool, onError }: { pool: Pool; onError(error: unknown): void }) {
  const waiting: Asked[] = [];
  let busy = false;

  async function answerWaiting(): Promise<void> {
    busy = true;
    while (waiting.length > 0) {
      const batch = waiting.splice(0, BATCH);
      for (const topic of new Set(batch.map((one) => one.topic))) {
        await answer(
          topic,
          batch.filter((one) => one.topic === topic),
        );
      }
    }
    busy = false;
  }

  async function answer(topic: Topic, asked: Asked[]): Promise<void> {
    const deliveries = asked.map(({ delivery }) => delivery);
    const found = await readUnclaimed(pool, topic.name, deliveries).catch((error) => {
      onError(error);
      return new Map<Delivery, never>();
    });
    for (const { delivery, attempt, undecided } of asked) {
      const known = found.get(delivery);
      if (known && 'decision' in known) attempt.resolve(known.decision);
      else undecided();
    }
  }

  return (asked: Asked): void => {
    waiting.push(asked);
    if (!busy) void answerWaiting();
  };
}

export type LedgerAnswers = ReturnType<typeof createLedgerAnswers>;
