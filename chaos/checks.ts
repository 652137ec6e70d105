import { Client } from 'pg';
import { type DiaryLine, readLines } from './diary';
import type { AuditFindings } from './snapshots';

/** A broken invariant, by its number, with what broke it. */
export interface Violation {
  invariant: string;
  what: string;
  ids: string[];
}

interface Row {
  id: string;
  status: string;
  decisions: { cycle: number; outcome: string; next: number | null; early: boolean }[] | null;
  events: { id: string; type: string; cycle: number }[] | null;
}
interface Delivered {
  id: string;
  type: string;
  subject: string;
  position: number;
}

const CLOSING: Record<string, string> = {
  'payment-request.paid': 'PAID',
  'payment-request.cancelled': 'CANCELLED',
  'payment-request.expired': 'EXPIRED',
};

/** Joins what clients were told, what listeners heard, and what the database says, when all is over. */
export async function checkEnd(
  databaseUrl: string,
  { diaries, deliveries, findings }: { diaries: string[]; deliveries: string; findings: AuditFindings },
) {
  const db = new Client({ connectionString: databaseUrl });
  await db.connect();
  const { rows } = await db.query<Row>(`
    select id, status,
           (select jsonb_agg(jsonb_build_object('cycle', cycle, 'outcome', outcome, 'next', next_cycle,
                             'early', outcome not in ('cancelled', 'moved') and decided_at < delivery.due_at) order by cycle)
              from postdate.delivery where key = request.id) as decisions,
           (select jsonb_agg(jsonb_build_object('id', outbox.id, 'type', type, 'cycle', (payload->>'cycle')::int) order by seq)
              from postdate.outbox where aggregateid = request.tenant || '/' || request.id) as events
      from payments.payment_request as request`);
  const { rows: notified } = await db.query<{ n: number }>('select count(*)::int as n from payments.notification');
  await db.end();

  const byId = new Map(rows.map((row) => [row.id, row]));
  const lines = diaries.flatMap((file) => readLines<DiaryLine>(file));
  const answers = lines.filter(({ phase }) => phase === 'ok');
  const heard = readLines<Delivered>(deliveries);
  const violations: Violation[] = [];
  const expectNone = (invariant: string, what: string, ids: string[]) => {
    if (ids.length > 0) violations.push({ invariant, what, ids: [...new Set(ids)] });
  };
  const closingOf = ({ events }: Row) => (events ?? []).filter(({ type }) => type in CLOSING);

  expectNone(
    'I1',
    'landed before it was due',
    rows.filter(({ decisions }) => decisions?.some(({ early }) => early)).map(({ id }) => id),
  );
  expectNone(
    'I2',
    'closed more than once',
    rows.filter((row) => closingOf(row).length > 1).map(({ id }) => id),
  );
  expectNone(
    'I3',
    'accepted, and never ended',
    rows.filter(({ status }) => status === 'PENDING').map(({ id }) => id),
  );
  expectNone(
    'I9',
    'accepted, and gone',
    answers.filter(({ op, id }) => op === 'request' && !byId.has(id)).map(({ id }) => id),
  );
  const toldOf = ({ result, status }: DiaryLine) =>
    result === 'tooLate' ? status : { paid: 'PAID', cancelled: 'CANCELLED' }[result ?? ''];
  expectNone(
    'I4, I5, I6',
    'its caller was told something else than what happened',
    answers
      .filter((line) => toldOf(line) !== undefined && byId.get(line.id)?.status !== toldOf(line))
      .map(({ id }) => id),
  );
  expectNone(
    'I7',
    'its event and its row say different things',
    rows
      .filter((row) => row.status !== 'PENDING' && CLOSING[closingOf(row)[0]?.type ?? ''] !== row.status)
      .map(({ id }) => id),
  );
  expectNone(
    'I8',
    'an event’s id is not made of its origin',
    rows.flatMap(({ id, events }) =>
      (events ?? [])
        .filter((event) => event.id !== `payment-request.expiry:chaos:${id}:${event.cycle}:${event.type}`)
        .map((event) => event.id),
    ),
  );
  const ids = new Set(heard.map(({ id }) => id));
  expectNone(
    'I7',
    'an event that nobody heard',
    rows.flatMap(({ events }) => (events ?? []).filter(({ id }) => !ids.has(id)).map(({ id }) => id)),
  );
  const positions = new Map<string, number>();
  const first = new Set<string>();
  const disorder: string[] = [];
  for (const { id, subject, position } of heard) {
    if (first.has(id)) continue;
    first.add(id);
    if (position < (positions.get(subject) ?? 0)) disorder.push(id);
    positions.set(subject, position);
  }
  expectNone('I14', 'first heard out of its order', disorder);
  expectNone('I13', 'not conserved, or a difference, in a snapshot', findings.problems);

  const statuses: Record<string, number> = {};
  for (const { status } of rows) statuses[status] = (statuses[status] ?? 0) + 1;
  return {
    violations,
    figures: {
      requests: rows.length,
      statuses,
      answers: answers.length,
      unknownAnswers: lines.filter(({ phase }) => phase === 'info').length,
      events: ids.size,
      deliveries: heard.length,
      duplicateDeliveries: heard.length - ids.size,
      notifications: notified[0]?.n ?? 0,
      snapshots: findings.snapshots,
    },
  };
}
