import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { asyncApiOf } from '../../src/events/asyncapi/document';
import type { Installation } from '../../src/process/installation';
import { useDatabase } from '../support/database';
import { eventsIn, objectionsTo } from '../support/described-events';
import { useTemporal } from '../support/temporal';
import { scenarios, semanticsTopic, stage } from './scenarios';

const temporal = useTemporal();
const database = useDatabase();
const installation: Installation = { topics: [semanticsTopic], consumers: [], schemas: [] };

const page = readFileSync(join(__dirname, '..', '..', 'docs', 'semantics.md'), 'utf8');

/** The rows of the page's table: what is promised of each event in each state. */
const promised = page
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| event'))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, event, state, answer, ledger, events]) => ({ title: `${event}, ${state}`, answer, ledger, events }));

// The one that needs the worker away comes first.
const WITHOUT_WORKER = 'cancel, no worker there, asleep';
const seen = new Map<string, PromiseSettledResult<{ answer: string; ledger: string; events: string }>>();

async function traces(key: string): Promise<{ ledger: string; events: string }> {
  const { rows } = await database.pool.query<{ ledger: string | null; events: string | null }>(
    `select (select string_agg(cycle || ' ' || outcome, ', ' order by cycle) from postdate.delivery where key = $1) as ledger,
            (select string_agg(type, ', ' order by seq) from postdate.outbox where aggregateid = 'acme/' || $1) as events`,
    [key],
  );
  return { ledger: rows[0]?.ledger ?? '–', events: rows[0]?.events ?? '–' };
}

beforeAll(async () => {
  const lonely = stage(temporal.client);
  await lonely.post(3_600_000);
  const requested = await lonely.cancel();
  await temporal.withWorker(database, installation, async () => {
    const played = Object.entries(scenarios).map(async ([title, scenario]) => {
      const on = stage(temporal.client);
      const answer = await scenario(on, temporal.client);
      if (!title.includes('never posted')) await on.ended();
      return { answer, ...(await traces(on.key)) };
    });
    const results = await Promise.allSettled(played);
    for (const [place, title] of Object.keys(scenarios).entries()) {
      seen.set(title, results[place] as (typeof results)[number]);
    }
    await lonely.ended();
    seen.set(WITHOUT_WORKER, { status: 'fulfilled', value: { answer: requested, ...(await traces(lonely.key)) } });
  });
}, 180_000);

it('every row of the table has its scenario, and every scenario its row', () => {
  expect(promised.map(({ title }) => title).sort()).toEqual([...Object.keys(scenarios), WITHOUT_WORKER].sort());
});

it.each(promised)('$title', ({ title, ...cells }) => {
  expect(seen.get(title)).toEqual({ status: 'fulfilled', value: cells });
});

it('every event of all that is as the AsyncAPI document of its topic says', async () => {
  const objections = objectionsTo(asyncApiOf(installation.topics));
  const events = await eventsIn(database.pool);
  expect(new Set(events.map(({ type }) => type))).toEqual(new Set(['expired', 'postdate.failed', 'postdate.skipped']));
  for (const event of events) expect({ event, objections: objections(event) }).toEqual({ event, objections: [] });
});
