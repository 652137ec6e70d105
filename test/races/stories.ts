import type { Pool } from 'pg';

/** What one race's rival was told of its own success. */
export interface Story {
  id: string;
  rival: 'cancel' | 'pay';
  won: boolean;
}

// What must be there when each has won: one outcome in the ledger, the row's status, and the events that everyone hears.
const TRUTHS = {
  cancel: { outcomes: ['cancelled'], status: 'PENDING', events: [] as string[] },
  // The timer of a paid request is cancelled after its row, or finds it paid, whichever comes first.
  pay: { outcomes: ['skipped', 'cancelled'], status: 'PAID', events: ['payment-request.paid'] },
  expiry: { outcomes: ['delivered'], status: 'EXPIRED', events: ['payment-request.expired'] },
};

/** Promises that ledger, row and events agree with each story, or an error of the test; returns who won how often. */
export async function storiesOf(pool: Pool, stories: Story[]): Promise<Record<string, number>> {
  const { rows } = await pool.query<{ id: string; status: string; outcomes: string[]; events: string[] }>(
    `select id, status,
            array(select outcome from postdate.delivery where key = request.id and outcome <> 'moved') as outcomes,
            array(select type from postdate.outbox where aggregateid = request.tenant || '/' || request.id
                     and type <> 'payment-request.requested' order by seq) as events
       from payments.payment_request as request where id = any($1)`,
    [stories.map(({ id }) => id)],
  );
  const found = new Map(rows.map(({ id, ...rest }) => [id, rest]));
  const split: Record<string, number> = {};
  for (const { id, rival, won } of stories) {
    const { outcomes, status, events } = TRUTHS[won ? rival : 'expiry'];
    const told = { id, rival, won, ...found.get(id) };
    expect(told).toMatchObject({ status, events });
    expect(told.outcomes).toHaveLength(1);
    expect(outcomes).toContain(told.outcomes?.[0]);
    const who = won ? rival : `expiry against ${rival}`;
    split[who] = (split[who] ?? 0) + 1;
  }
  return split;
}
