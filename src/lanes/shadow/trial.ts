import type { Pool, PoolClient } from 'pg';
import { byHandler } from '../../concern';
import type { Outcome } from '../../contract';
import { answerOf, dueMessage } from '../../landing/answers';
import type { Answer } from '../../landing/claims';
import { continued } from '../../landing/continued';
import { foregone } from '../../landing/foregone';
import { storable } from '../../ledger';
import { type LandingTransaction, PermanentFailure, type Topic } from '../../topic';
import { guardedQuery } from './guarded-query';
import { type Picture, type PicturedRow, readPicture } from './pictures';
import { putBack, readShape, type TableShape } from './put-back';
import { BrokenOff, inSealedTransaction } from './sealed';
import type { EventsByType, RipeCopy, StableDecision } from './stables';

export interface Answered {
  outcome: Outcome;
  nextDueAt?: number;
  reason?: string;
}

/** What the shadow would have done, and its rows as they were before, as stable left them, and as the shadow would have. */
export interface Trial {
  answer: Answered;
  events: EventsByType;
  rows?: { shapes: TableShape[]; before: Picture; stable: Picture; shadow: Picture };
}

/** Why there is nothing to compare; none of it says anything of the shadow's handler. */
export type NotCompared =
  | 'undecided'
  | 'withdrawn'
  | 'notByStable'
  | 'readTooLate'
  | 'changedMeanwhile'
  | 'notPutBack'
  | 'locked'
  | 'gaveWay';

export type Tried = { trial: Trial } | { failed: unknown } | { notCompared: NotCompared; because?: unknown };

// SQLSTATEs of a lock that did not come in time, and of a deadlock: somebody real was faster.
const LOCKED = ['55P03', '40P01'];

class NotPutBack extends Error {}

/** Has a shadow's handler handle a message in a sealed transaction, before which everything is as it was for stable. */
export async function tryMessage(
  deps: { trials: Pool; pool: Pool; onError(error: unknown): void },
  topic: Topic,
  copy: RipeCopy & { decision: StableDecision },
): Promise<Tried> {
  let atHandler = false;
  try {
    return await inSealedTransaction(deps, async (tx) => {
      const rows = await rowsAsBefore(tx, topic, copy);
      if ('notCompared' in rows) return rows;
      atHandler = true;
      const { answer, events } = await handle(tx, topic, copy);
      if (!rows.shapes) return { trial: { answer, events } };
      const { shapes, before, stable } = rows;
      return { trial: { answer, events, rows: { shapes, before, stable, shadow: await read(tx, topic, copy) } } };
    });
  } catch (error) {
    if (error instanceof BrokenOff && error.why === 'gaveWay') return { notCompared: 'gaveWay' };
    if (LOCKED.includes((error as { code?: string }).code ?? '')) return { notCompared: 'locked' };
    if (error instanceof NotPutBack) return { notCompared: 'notPutBack', because: error.cause };
    if (isAway(error) || !atHandler) throw error;
    return { failed: byHandler(error) };
  }
}

// A connection that is lost is nobody's fault. What a statement that took too long says is the handler's.
const isAway = (error: unknown) => {
  const { code = '', message } = (error ?? {}) as { code?: string; message?: string };
  return /^(08|53|57P|58)[0-9A-Z]{2,3}$/.test(code) || /^Connection terminated/.test(message ?? '');
};

const read = (tx: PoolClient, topic: Topic, { delivery: { message } }: RipeCopy) => readPicture(tx, topic, message);

type AsBefore =
  | { notCompared: NotCompared }
  | { shapes?: undefined }
  | { shapes: TableShape[]; before: Picture; stable: Picture };

async function rowsAsBefore(
  tx: PoolClient,
  topic: Topic,
  copy: RipeCopy & { decision: StableDecision },
): Promise<AsBefore> {
  const { observed = [] } = topic;
  if (observed.length === 0) return {};
  const before = copy.before ?? [];
  const stable = await read(tx, topic, copy);
  if (await changedBefore(tx, { before, stable, landedBy: copy.decision.writtenBy })) {
    return { notCompared: 'changedMeanwhile' };
  }
  try {
    const shapes: TableShape[] = [];
    for (const { table } of observed) shapes.push(await readShape(tx, table));
    if (!alike(before, stable)) {
      await putBack(tx, observed, shapes, { before, now: stable });
      // A trigger of the table's own may have had other ideas.
      const left = await read(tx, topic, copy);
      if (!alike(before, left, topic.volatile)) throw new Error('the rows are not what they were before');
    }
    return { shapes, before, stable };
  } catch (error) {
    if (LOCKED.includes((error as { code?: string }).code ?? '') || isAway(error)) throw error;
    throw new NotPutBack('rows cannot be put back', { cause: error });
  }
}

/** Whether a row was changed after its picture by somebody whose transaction had begun to write before the landing's. */
async function changedBefore(
  tx: PoolClient,
  { before, stable, landedBy }: { before: Picture; stable: Picture; landedBy: string },
): Promise<boolean> {
  const known = new Set(before.flat().map(({ writtenBy }) => writtenBy));
  const writers = [...new Set(stable.flat().map(({ writtenBy }) => writtenBy))].filter((xmin) => !known.has(xmin));
  if (writers.length === 0) return false;
  const { rows } = await tx.query<{ before: boolean }>(
    'select bool_or(age(writer::xid) > age($2::xid)) as before from unnest($1::text[]) as given (writer)',
    [writers, landedBy],
  );
  return rows[0]?.before === true;
}

/** Whether two pictures show the same, apart from `without`. */
function alike(one: Picture, two: Picture, without: string[] = []): boolean {
  const shown = (picture: Picture) => JSON.stringify(picture.map((rows) => rows.map(shownRow(without)).sort()));
  return shown(one) === shown(two);
}
const shownRow =
  (without: string[]) =>
  ({ row, texts }: PicturedRow): string =>
    without.length === 0 ? row : JSON.stringify(Object.entries(texts).filter(([name]) => !without.includes(name)));

async function handle(
  tx: PoolClient,
  topic: Topic,
  { delivery, decision: { decidedAt } }: RipeCopy & { decision: StableDecision },
): Promise<{ answer: Answered; events: EventsByType }> {
  const claimed = { delivery, decidedAt };
  const decided = (await foregone(tx, topic, [claimed])).get(0);
  const events: EventsByType = new Map();
  const answer = decided ?? (await answerOfHandler(tx, topic, { delivery, events }));
  return { answer: answered(continued(answer, claimed)), events };
}

async function answerOfHandler(
  tx: PoolClient,
  topic: Topic,
  { delivery, events }: { delivery: RipeCopy['delivery']; events: EventsByType },
): Promise<Answer> {
  await tx.query('savepoint handler');
  const { query, close } = guardedQuery(tx);
  const emit: LandingTransaction['emit'] = async (type, data) => {
    if (events.has(type)) throw new Error(`a second event ${type} of one cycle`);
    // The database refuses here what it would refuse in the outbox.
    const { rows } = await tx.query<{ data: Record<string, unknown> }>('select $1::jsonb as data', [
      JSON.stringify(data),
    ]);
    events.set(type, rows[0]?.data ?? {});
  };
  try {
    const message = dueMessage(topic, delivery);
    const answer = answerOf(await topic.handle({ query, emit }, message), message);
    // Fails where a handler has hidden an error of a statement from us, or has come out of its transaction after all.
    await tx.query('release savepoint handler');
    return answer;
  } catch (error) {
    if (!(error instanceof PermanentFailure)) throw error;
    await tx.query('rollback to savepoint handler');
    events.clear();
    return { outcome: 'failed', reason: error.message };
  } finally {
    close();
  }
}

const answered = ({ outcome, next, reason }: Answer): Answered => ({
  outcome,
  nextDueAt: next?.dueAt,
  reason: storable(reason) ?? undefined,
});
