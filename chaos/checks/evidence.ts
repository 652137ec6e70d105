import type { Client } from '@temporalio/client';
import { withClient } from '../../local/databases';
import type { Outcome } from '../../src/message/decision';
import type { Queryable } from '../../src/platform/database/pool';
import { type DiaryLine, readLines } from '../programs/diary';

/** All that is left of a run, in the system and outside of it, but for what a stranger did. Instants are epoch ms. */
export interface Evidence {
  requests: { id: string; status: 'PENDING' | 'PAID' | 'CANCELLED' | 'EXPIRED'; cycle: number }[];
  decisions: Decided[];
  events: Event[];
  /** What the handler of the beats did: one row for each time. */
  beats: { id: string; cycle: number }[];
  notifications: { eventId: string; person: string }[];
  deliveries: Delivered[];
  diary: DiaryLine[];
  workflows: { id: string; open: boolean; events: number }[];
}

/** Whose messages the plan is about. */
export const TENANT = 'chaos';

export interface Decided {
  topic: string;
  id: string;
  cycle: number;
  outcome: Outcome;
  dueAt: number;
  decidedAt: number;
  late: boolean;
  next?: { cycle: number; dueAt: number };
  commandId?: string;
}

export interface Event {
  id: string;
  topic: string;
  of: string;
  type: string;
  cycle: number;
}

/** An event as the listener got it, perhaps again; `at` is when, by the right clock. */
export interface Delivered {
  at: number;
  position: number;
  id: string;
  type: string;
  subject: string;
}

export async function readRequests(db: Queryable): Promise<Evidence['requests']> {
  const { rows } = await db.query<Evidence['requests'][number]>(
    'select id, status, cycle from payments.payment_request',
  );
  return rows;
}

/** Reads the databases, Temporal's records and the files of a run that is over. */
export async function gather(
  { databaseUrl, client }: { databaseUrl: string; client: Client },
  files: { deliveries: string; diaries: string[] },
): Promise<Evidence> {
  // First: in a run that is not over yet, what is heard of after this may not be in the tables.
  const deliveries = readLines<Delivered>(files.deliveries).filter(({ subject }) => subject.startsWith(`${TENANT}/`));
  const diary = files.diaries.flatMap((file) => readLines<DiaryLine>(file));
  const tables = await withClient(databaseUrl, async (db) => {
    const read = async <Row>(text: string) => (await db.query(text)).rows as Row[];
    return {
      requests: await readRequests(db),
      decisions: withoutNulls(
        await read<Decided>(`
        select topic, key as id, cycle, outcome, late, command_id as "commandId",
               (extract(epoch from due_at) * 1000)::float8 as "dueAt",
               (extract(epoch from decided_at) * 1000)::float8 as "decidedAt",
               case when next_cycle is not null then jsonb_build_object(
                 'cycle', next_cycle, 'dueAt', (extract(epoch from next_due_at) * 1000)::float8) end as next
          from postdate.delivery where tenant = '${TENANT}' order by topic, key, cycle`),
      ),
      events: await read<Event>(`
        select id, aggregatetype as topic, split_part(aggregateid, '/', 2) as of, type, (payload->>'cycle')::int as cycle
          from postdate.outbox where aggregateid like '${TENANT}/%' order by seq`),
      beats: await read<Evidence['beats'][number]>(
        `select key as id, cycle from chaos.beat where tenant = '${TENANT}'`,
      ),
      notifications: await read<Evidence['notifications'][number]>(
        'select event_id as "eventId", person from payments.notification',
      ),
    };
  });
  const workflows: Evidence['workflows'] = [];
  // The SDK's list decodes each memo, and a stranger's cannot be decoded.
  const query = `WorkflowType = 'scheduledMessage' and PostdateTenant = '${TENANT}'`;
  for await (const run of client.workflow.list({ query })) {
    workflows.push({ id: run.workflowId, open: run.status.name === 'RUNNING', events: run.historyLength });
  }
  return {
    ...tables,
    workflows,
    deliveries,
    diary,
  };
}

const withoutNulls = (rows: Decided[]): Decided[] =>
  rows.map((row) => ({ ...row, next: row.next ?? undefined, commandId: row.commandId ?? undefined }));
