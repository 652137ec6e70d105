import type { Queryable } from '../../platform/database/pool';

/** A webhook and its present state. Instants are RFC 3339. */
export interface WebhookState {
  id: string;
  url: string;
  tenant: string;
  topics?: string[];
  types?: string[];
  /** Whether its responses to forwarded messages are taken as answers. */
  answers: boolean;
  createdAt: string;
  disabledAt?: string;
  disabledReason?: string;
  /** Set while its latest tries fail: the first of these failures. */
  failingSince?: string;
  /** `waiting`: events still to be sent. `failed`: events that were given up and not sent again since. */
  waiting: number;
  failed: number;
}

interface WebhookRow extends Pick<WebhookState, 'id' | 'url' | 'tenant' | 'answers' | 'waiting' | 'failed'> {
  topics: string[] | null;
  types: string[] | null;
  created_at: Date;
  disabled_at: Date | null;
  disabled_reason: string | null;
  failing_since: Date | null;
}

/** All webhooks, the oldest registration first, without their secrets. */
export async function listWebhooks(db: Queryable): Promise<WebhookState[]> {
  const { rows } = await db.query<WebhookRow>(
    `select webhook.*, coalesce(waiting, 0)::integer as waiting, coalesce(failed, 0)::integer as failed
       from postdate.webhook
       left join (select webhook_id, count(*) filter (where outcome is null) as waiting,
                         count(*) filter (where outcome = 'failed') as failed
                    from (select distinct on (webhook_id, position) webhook_id, outcome from postdate.webhook_delivery
                           order by webhook_id, position, replay desc) as latest
                   group by webhook_id) as counted on counted.webhook_id = webhook.id
      order by created_at, id`,
  );
  return rows.map((row) => ({
    id: row.id,
    url: row.url,
    tenant: row.tenant,
    topics: row.topics ?? undefined,
    types: row.types ?? undefined,
    answers: row.answers,
    createdAt: row.created_at.toISOString(),
    disabledAt: row.disabled_at?.toISOString(),
    disabledReason: row.disabled_reason ?? undefined,
    failingSince: row.failing_since?.toISOString(),
    waiting: row.waiting,
    failed: row.failed,
  }));
}

/** One delivery in a webhook's log. */
export interface ListedDelivery {
  position: number;
  /** 0 for the first delivery of an event; 1, 2 … for each replay. */
  replay: number;
  eventId: string;
  state: DeliveryState;
  tries: number;
  status?: number;
  failure?: string;
  queuedAt: string;
  triedAt?: string;
  nextTryAt?: string;
  endedAt?: string;
}

/** How a delivery can have ended. */
export const DELIVERY_OUTCOMES = ['delivered', 'failed'] as const;
export const DELIVERY_STATES = ['waiting', ...DELIVERY_OUTCOMES] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** The last `limit` deliveries of a webhook, the latest position in the stream first. */
export async function listDeliveries(
  db: Queryable,
  webhookId: string,
  { state, limit }: { state?: DeliveryState; limit: number },
): Promise<ListedDelivery[]> {
  const { rows } = await db.query(
    `select position::float8 as position, replay, event_id, coalesce(outcome, 'waiting') as state, tries, status, failure,
            queued_at, tried_at, next_try_at, ended_at
       from postdate.webhook_delivery
      where webhook_id = $1 and ($2::text is null or coalesce(outcome, 'waiting') = $2)
      order by webhook_delivery.position desc, replay desc
      limit $3`,
    [webhookId, state ?? null, limit],
  );
  const instant = (at: Date | null) => at?.toISOString();
  return rows.map((row) => ({
    position: row.position,
    replay: row.replay,
    eventId: row.event_id,
    state: row.state,
    tries: row.tries,
    status: row.status ?? undefined,
    failure: row.failure ?? undefined,
    queuedAt: row.queued_at.toISOString(),
    triedAt: instant(row.tried_at),
    nextTryAt: instant(row.next_try_at),
    endedAt: instant(row.ended_at),
  }));
}
