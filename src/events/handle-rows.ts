import type { PoolClient } from 'pg';
import { lendClient, resetWithin } from '../platform/database/lent-transaction';
import { markHandlerError, withErrorContext } from '../platform/telemetry/error-context';
import { runForeign } from '../platform/telemetry/foreign-code';
import { readThrown } from '../platform/telemetry/thrown';
import { originOf } from './outbox';
import { endAsSent, entityOfRow, readDue, type SetAside, setAside } from './set-aside';
import type { StreamedEvent, StreamRow } from './stream';

/** A listener. `handle`: what it does with an event, in the transaction that moves its position. */
export interface Listener {
  name: string;
  handle(tx: PoolClient, streamed: StreamedEvent): Promise<void>;
}

/** How many rows a listener is done with, those of them that hold no event, and what it threw at the next one. */
interface HandledRows {
  handled: number;
  aside: SetAside[];
  failure?: { error: unknown };
}

/** Has a listener handle rows in order, each in a savepoint, up to the first event at which it throws. */
export async function handleRows(tx: PoolClient, listener: Listener, rows: StreamRow[]): Promise<HandledRows> {
  const aside: SetAside[] = [];
  for (const [handled, row] of rows.entries()) {
    if (row.unreadable !== undefined) {
      const { position, id, unreadable: reason } = row;
      aside.push({ position, id, entity: entityOfRow(row), reason });
      continue;
    }
    const { position, event } = row;
    const failure = await handleOne(tx, listener, { position, event });
    if (failure) return { handled, aside, failure };
  }
  return { handled: rows.length, aside };
}

/**
 * Has a listener handle rows that were set aside and are to be tried again. One at which it throws stays set aside: what
 * comes after it does not wait for it.
 */
export async function handleAgain(
  tx: PoolClient,
  listener: Listener,
  limit: number,
): Promise<Omit<HandledRows, 'aside'>> {
  const { name } = listener;
  const rows = await readDue(tx, name, limit);
  let failure: HandledRows['failure'];
  for (const row of rows) {
    const { aside, failure: failed } = await handleRows(tx, listener, [row]);
    failure ??= failed;
    if (aside.length === 0 && !failed) await endAsSent(tx, name, [row]);
    else {
      const { position, id } = row;
      const reason = aside[0]?.reason ?? readThrown(failed?.error).message;
      await setAside(tx, name, [{ position, id, entity: entityOfRow(row), reason }]);
    }
  }
  return { handled: rows.length, failure };
}

async function handleOne(
  tx: PoolClient,
  { name, handle }: Listener,
  streamed: StreamedEvent,
): Promise<HandledRows['failure']> {
  const { position, event } = streamed;
  const origin = originOf(event);
  // A copy, as the listener may change it.
  const given = { position, event: structuredClone(event) };
  await tx.query('savepoint event');
  const { client, takeBack } = lendClient(tx);
  const code = { part: 'consumer', name, ...origin } as const;
  try {
    await whileConnected(tx, () => runForeign(code, () => handle(client, given))).finally(takeBack);
    // What it has set counts neither for the next event nor for our own statements.
    await tx.query(`release savepoint event; ${resetWithin()}`);
    return undefined;
  } catch (error) {
    const thrown = withErrorContext(markHandlerError(readThrown(error)), origin, { position });
    // On a broken connection the whole batch fails, for the reason that broke it.
    await tx.query('rollback to savepoint event').catch(() => Promise.reject(thrown));
    return { error: thrown };
  }
}

/**
 * Resolves to the result of `work`, or rejects when the connection breaks. PostgreSQL ends a transaction that is idle for
 * long: a listener that hangs would be waited for without end.
 */
function whileConnected<Result>(tx: PoolClient, work: () => Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    tx.once('error', reject);
    // A promise of ours, whatever the listener returns.
    void Promise.resolve()
      .then(work)
      .then(resolve, reject)
      .finally(() => tx.off('error', reject));
  });
}
