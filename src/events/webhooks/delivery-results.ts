import type { Queryable } from '../../platform/database/pool';
import { storable } from '../../platform/database/storable';
import { AWAY_AFTER_FAILURES, type ClaimedDelivery } from './claim-deliveries';

// The pause is random, so that deliveries that failed together do not return together. Its upper bound is ten seconds
// after the first failure, doubles with each further one, and ends at half a day. Its lower bound is one second.
const FIRST_PAUSE_S = 5;
const LONGEST_PAUSE_S = 43_200;
const SHORTEST_PAUSE_S = 1;
/**
 * A weekend and a day. A delivery also gets its full number of tries, in case the workers themselves were away that
 * long.
 */
const GIVE_UP_AFTER = '3 days';
const GIVE_UP_TRIES = 10;
// A listener's Retry-After header cannot postpone its events for longer than this.
const LONGEST_RETRY_AFTER_S = 86_400;

// If another worker has claimed the delivery since, this try decides nothing more.
const IS_MINE = 'webhook_id = $1 and position = $2 and replay = $3 and tries = $4 and claimed_by = $5';
const keyOf = (worker: string, { webhookId, position, replay, tries }: ClaimedDelivery) => [
  webhookId,
  position,
  replay,
  tries,
  worker,
];

/**
 * Ends a delivery as delivered. `mine` is false if another worker has claimed it since. `failingSince` is set if its
 * listener had seemed to be away.
 */
export async function recordDelivered(
  db: Queryable,
  worker: string,
  delivery: ClaimedDelivery,
  status: number,
): Promise<{ mine: boolean; failingSince?: Date }> {
  const { rows } = await db.query<{ mine: boolean; failures: number | null; failing_since: Date | null }>(
    `with delivered as (
       update postdate.webhook_delivery
          set outcome = 'delivered', ended_at = clock_timestamp(), next_try_at = null, claimed_by = null, status = $6,
              failure = null
        where ${IS_MINE}
       returning webhook_id
     ), well as (
       update postdate.webhook set failures = 0, failing_since = null
        where id = (select webhook_id from delivered) and failures > 0
     )
     select exists (select 1 from delivered) as mine, failures, failing_since
       from postdate.webhook where id = $1`,
    [...keyOf(worker, delivery), status],
  );
  const { mine = false, failures = 0, failing_since: since } = rows[0] ?? {};
  const wasAway = mine && (failures ?? 0) >= AWAY_AFTER_FAILURES;
  return { mine, failingSince: wasAway ? (since ?? undefined) : undefined };
}

/** Makes deliveries due now that failed since then: the listener is back, and they need not wait for half a day. */
export async function retryFailedNow(db: Queryable, webhookId: string, failingSince: Date): Promise<void> {
  await db.query(
    `update postdate.webhook_delivery set next_try_at = clock_timestamp()
      where webhook_id = $1 and next_try_at > clock_timestamp() and not behind and claimed_by is null and tried_at >= $2`,
    [webhookId, failingSince],
  );
}

export interface Failure {
  /** The status that the listener answered, if it answered at all. */
  status?: number;
  words: string;
  retryAfterMs?: number;
  /** True if no later try can help. The listener is not to blame, so it does not count as failing. */
  final?: boolean;
}

/** Puts a delivery back for a later try, or ends it as failed if this was the last one. `ended` says which. */
export async function recordFailure(
  db: Queryable,
  worker: string,
  delivery: ClaimedDelivery,
  { status, words, retryAfterMs, final = false }: Failure,
): Promise<{ ended: boolean }> {
  const { rows } = await db.query<{ ended: boolean }>(
    `with put_back as (
       update postdate.webhook_delivery as delivery
          set claimed_by = null, status = $6, failure = $7,
              ended_at = case when last_try then clock_timestamp() end,
              outcome = case when last_try then 'failed' end,
              next_try_at = case when not last_try then clock_timestamp() + make_interval(secs => greatest(
                $9::float8, ${SHORTEST_PAUSE_S},
                random() * least(${LONGEST_PAUSE_S}, ${FIRST_PAUSE_S} * power(2, least(tries, 30))))) end
         from (select $8::boolean or ($4 >= ${GIVE_UP_TRIES} and queued_at < clock_timestamp() - interval '${GIVE_UP_AFTER}')
                 as last_try
                 from postdate.webhook_delivery where webhook_id = $1 and position = $2 and replay = $3) as decided
        where ${IS_MINE}
       returning outcome is not null as ended, tried_at
     ), failing as (
       update postdate.webhook
          set failures = failures + 1, failing_since = least(failing_since, tried_at),
              resting_until = case when $9::float8 is null then resting_until
                                   else greatest(resting_until, clock_timestamp() + make_interval(secs => $9)) end
         from put_back
        where id = $1 and not $8
     )
     select ended from put_back`,
    [
      ...keyOf(worker, delivery),
      status ?? null,
      storable(words),
      final,
      retryAfterMs === undefined ? null : Math.min(LONGEST_RETRY_AFTER_S, retryAfterMs / 1_000),
    ],
  );
  return { ended: rows[0]?.ended === true };
}

/** Puts a delivery back for an immediate try, by any worker. Used when this worker stops or the webhook is disabled. */
export async function putBackDelivery(
  db: Queryable,
  worker: string,
  delivery: ClaimedDelivery,
  { status, words }: Failure,
): Promise<void> {
  await db.query(
    `update postdate.webhook_delivery
        set claimed_by = null, next_try_at = clock_timestamp(), status = $6, failure = $7
      where ${IS_MINE}`,
    [...keyOf(worker, delivery), status ?? null, storable(words)],
  );
}
