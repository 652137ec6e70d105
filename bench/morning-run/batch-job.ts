import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'pg';
import { atWork } from '../harness/child';
import { expireOne } from '../harness/effect';

const { DATABASE_URL, BENCH_FORM } = process.env;

const DUE = `status = 'PENDING' and due_at <= clock_timestamp()`;

// The usual nightly job, in its two forms, each with the effect and the event that the other contenders have.
const forms = {
  /** As most are written: read what is due, then a statement per row, all or nothing. */
  async rows(client: Client): Promise<void> {
    await client.query('begin');
    const { rows } = await client.query<{ id: string }>(`select id from app.request where ${DUE} order by id`);
    for (const { id } of rows) await expireOne(client, id);
    await client.query('commit');
  },

  /** The same in one statement. */
  async set(client: Client): Promise<void> {
    await client.query(
      `with hit as (update app.request set status = 'EXPIRED' where ${DUE} returning id)
       insert into app.event (request_id, type) select id, 'request.expired' from hit`,
    );
  },
};

async function main(): Promise<void> {
  const client = new Client({ connectionString: DATABASE_URL, application_name: 'batch job' });
  await client.connect();
  process.on('message', ({ dueAt }: { dueAt: number }) => {
    runAt(dueAt).catch((error: Error) => {
      process.stderr.write(`${error.stack}\n`);
      process.exit(1);
    });
  });

  async function runAt(dueAt: number): Promise<void> {
    // A timer may ring a millisecond early, and then nothing would be due.
    while (Date.now() < dueAt) await pause(dueAt - Date.now());
    await forms[BENCH_FORM as keyof typeof forms](client);
    process.send?.({ done: true });
  }

  atWork(() => client.end());
}

void main();
