import type { Mutant } from '../mutants';

const [deliveries, listeners, replay] = ['deliveries', 'listeners', 'replay'].map(
  (name) => `test/events/webhooks/${name}.test.ts`,
) as [string, string, string];

const behind = 'test/events/webhooks/behind.test.ts';

/** About webhooks: who is sent what, how often, and where to. */
export const webhooks: Mutant[] = [
  {
    name: 'webhooks: a claim reads all events of one message',
    file: 'src/events/webhooks/tenant-turns.ts',
    find: 'next_try_at <= now() and not behind',
    replace: 'next_try_at <= now()',
    tests: [behind],
  },
  {
    name: 'webhooks: an event is queued behind one that ends at that moment, and waits for ever',
    file: 'src/events/webhooks/queue.ts',
    find: ' for share skip locked',
    replace: '',
    tests: [behind],
  },
  {
    name: 'webhooks: the next event of a message is not freed when the one before has ended',
    file: 'src/platform/database/migrations/0040-deliveries-behind.ts',
    find: 'where first.behind and',
    replace: 'where not first.behind and',
    tests: [behind],
  },
  {
    name: "a webhook is sent other tenants' events",
    file: 'src/events/webhooks/queue.ts',
    find: "(webhook.tenant = '*' or webhook.tenant = event.payload->>'tenant')",
    replace: 'true',
    tests: [deliveries],
  },
  {
    name: 'two workers send the same event to a webhook',
    file: 'src/events/webhooks/tenant-turns.ts',
    find: 'for update skip locked',
    replace: '',
    tests: [deliveries],
  },
  {
    name: 'a later event of a message goes to a webhook before one that is tried again',
    file: 'src/events/webhooks/tenant-turns.ts',
    find: "case when count(*) = 0 then 'free' end",
    replace: "'free'",
    tests: [deliveries],
  },
  {
    name: "a webhook's addresses are not looked at again at a try",
    file: 'src/events/webhooks/try-delivery.ts',
    find: 'addressesOf(url, deps)',
    replace: 'addressesOf(url, { ...deps, allowPrivateAddresses: true })',
    tests: [listeners],
  },
  {
    name: 'what first went to a webhook that was away waits for half a day when it is back',
    file: 'src/events/webhooks/delivery-results.ts',
    find: 'least(failing_since, tried_at)',
    replace: 'coalesce(failing_since, clock_timestamp())',
    tests: [deliveries],
  },
  {
    name: 'a webhook that is enabled again lacks what came meanwhile',
    file: 'src/events/webhooks/disable.ts',
    find: 'if (!fromNow) {',
    replace: 'if (fromNow && !fromNow) {',
    tests: [listeners],
  },
  {
    name: 'an event goes while a webhook is still to be sent it',
    file: 'src/maintenance/event-needs.ts',
    find: 'delivery.position = event.position and delivery.next_try_at is not null',
    replace: 'false',
    tests: [replay],
  },
  {
    name: 'webhooks of one tenant take all places of a worker',
    file: 'src/events/webhooks/claim-deliveries.ts',
    find: 'where place <= share order by place',
    replace: 'order by place',
    tests: ['test/events/webhooks/fair-share.test.ts'],
  },
  {
    name: 'one tenant takes all places of a webhook of all tenants',
    file: 'src/events/webhooks/claim-deliveries.ts',
    find: "when tenant = '*' and $2 > 1",
    replace: "when tenant = '*' and $2 < 1",
    tests: ['test/events/webhooks/fair-share.test.ts'],
  },
  {
    name: 'the deliveries of a webhook of all tenants go as they have come',
    file: 'src/events/webhooks/tenant-turns.ts',
    find: 'over (order by nth, turn)',
    replace: 'over (order by next_try_at)',
    tests: ['test/events/webhooks/fair-share.test.ts'],
  },
  {
    name: 'the turns of tenants within a webhook begin anew with each claim',
    file: 'src/events/webhooks/tenant-turns.ts',
    find: 'if (turn > (after.get(webhookId)?.turn ?? 0))',
    replace: 'if (turn < 0)',
    tests: ['test/events/webhooks/fair-share.test.ts'],
  },
];
