import type { WebhookState } from '../events/webhooks/list';
import { tableOf } from './table';

/** All webhooks as a table. */
export function webhooksText(all: WebhookState[]): string {
  if (all.length === 0) return 'no webhooks';
  const rows = all.map(({ id, tenant, waiting, failed, ...one }) => [
    id,
    tenant,
    waiting,
    failed,
    stateOf(one),
    one.url,
  ]);
  return tableOf(['webhook', 'tenant', 'waiting', 'failed', 'state', 'url'], rows, { cutLast: true });
}

function stateOf({
  disabledAt,
  disabledReason,
  failingSince,
  answers,
}: Pick<WebhookState, 'disabledAt' | 'disabledReason' | 'failingSince' | 'answers'>) {
  if (disabledAt) return `disabled ${disabledAt}: ${disabledReason}`;
  const state = failingSince ? `failing since ${failingSince}` : 'enabled';
  return answers ? `${state}, may answer` : state;
}
