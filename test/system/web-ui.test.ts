import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pino from 'pino';
import type { Page } from 'playwright-core';
import { installation } from '../../app/installation';
import { findRequest } from '../../app/payment-requests/rows';
import { waitingMessagesUrl } from '../../local/web-ui';
import { workflowIdOf } from '../../src/message/contract';
import { rfc3339 } from '../../src/message/due-time';
import { readConfig } from '../../src/process/config';
import type { RunningWorker } from '../../src/process/run-process';
import { queryOf } from '../../src/producing/list';
import { startWorker } from '../../src/worker';
import { chromiumAtOnce, usePage } from '../support/chromium';
import { useDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { useOwnTemporal } from '../support/temporal';
import * as ui from '../support/web-ui';
import { type Example, failed, listedByKey, postExamples, topics, waiting } from '../support/web-ui-messages';

const guide = readFileSync(join(__dirname, '..', '..', 'docs', 'web-ui.md'), 'utf8');
const told = (pattern: RegExp) => [...guide.matchAll(pattern)].map((match) => match.slice(1) as [string, string]);
const queries = new Map(told(/^\| ([^|]+) \| `(.+)` \|$/gm));
const [[cancelData] = ['']] = told(/^```json\n(.+)\n```$/gm);
const [[moveData] = ['']] = told(/`move`.*`(\{.+\})`/g);

const found = {
  'one message': [waiting.bySignal],
  'what waits, of one tenant': [waiting.in2040, waiting.tomorrow, waiting.tonight],
  'what is due in a span of time': [waiting.in2040],
  'what has failed': [failed],
};
const MOVED_TO = Date.parse('2040-02-15T09:00:00Z');

const inTheList = (dueAt: number) => rfc3339(dueAt).replace('T', ' UTC ').slice(0, 26);

// Only `npm run pictures` asks for them, so that a test run leaves the checkout as it was.
const pictures = process.env.POSTDATE_PICTURES;
async function picture(page: Page, name: string): Promise<void> {
  if (!pictures) return;
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`), animations: 'disabled' });
}

it('the page for operators has the words that the browser is told to look for, and the queries that it types', () => {
  const words = new Set(told(/(?<!\*)\*([^*\n]+)\*(?!\*)/g).map(([word]) => word));
  expect([...words].sort()).toEqual(Object.values(ui.words).flat().sort());
  expect([...queries.keys()]).toEqual(Object.keys(found));
  expect(JSON.parse(cancelData)).toEqual({ reason: expect.any(String) });
  expect(JSON.parse(moveData)).toEqual({ dueAt: rfc3339(MOVED_TO).replace('.000', '') });
});

// A page of this Web UI takes seconds where everything else runs on the same two cores, and each test opens several.
jest.setTimeout(300_000);
const chromium = chromiumAtOnce();

(chromium ? describe : describe.skip)("Temporal's Web UI in a real browser", () => {
  let worker: RunningWorker | undefined;
  // Above the servers' own, as jest takes them in this order: a worker ends before what it is connected to.
  afterAll(async () => {
    worker?.stop();
    await worker?.finished;
  });
  const temporal = useOwnTemporal({ webUi: true });
  const database = useDatabase();
  const browser = usePage(chromium);

  beforeAll(async () => {
    const parts = { ...installation, topics };
    worker = await startWorker(readConfig(temporal.envFor(database)), parts, pino({ level: 'silent' }));
    await postExamples(database.pool, temporal.client);
  });

  async function openList(): Promise<Page> {
    await browser.current.goto(waitingMessagesUrl(temporal.uiUrl as string));
    return browser.current;
  }

  async function openFound(example: Example): Promise<Page> {
    const page = await openList();
    const { topic, tenant, key } = example;
    await ui.find(page, queryOf({ topic, tenant, keys: [key] }));
    await ui.openMessage(page, example);
    return page;
  }

  async function decisions({ topic, tenant, key }: Example) {
    const text = 'select outcome, reason from postdate.delivery where topic = $1 and tenant = $2 and key = $3';
    return (await database.pool.query(text, [topic, tenant, key])).rows;
  }

  it('a waiting message is found by its search attributes, says when it is due, and is cancelled from its page; another waits on', async () => {
    const { bySignal: message, control } = waiting;
    const { reason } = JSON.parse(cancelData);
    const due = rfc3339(message.dueAt);

    const page = await openList();
    for (const example of Object.values(waiting)) await ui.rowOf(page, example).waitFor();
    await ui.showOurColumns(page);
    for (const example of Object.values(waiting)) {
      const shown = await ui.rowOf(page, example).innerText();
      for (const part of ['Running', inTheList(example.dueAt), example.topic, example.tenant, example.key]) {
        expect(shown).toContain(part);
      }
    }
    await picture(page, 'waiting-messages');

    await ui.find(page, queries.get('one message') as string);
    expect(await ui.listed(page, 1)).toEqual([workflowIdOf(message)]);
    await ui.openMessage(page, message);
    expect((await ui.readDetails(page, 'waiting')).split(/\n+/)).toEqual([
      'waiting: payment-request.expiry for acme / rent-1042',
      `due ${due}, cycle 1`,
    ]);
    await page.getByText(`cycle 1, due ${due}`).first().waitFor();
    await picture(page, 'message');
    expect(await ui.readJson(page, ui.words.attributes)).toMatchObject({
      indexedFields: {
        PostdateTopic: message.topic,
        PostdateTenant: message.tenant,
        PostdateKey: message.key,
        PostdateDueAt: due,
      },
    });
    // What the workflow's id says is not there twice.
    const inMemo = { v: 1, cycle: 1, dueAt: message.dueAt, leadMs: expect.any(Number), payload: {} };
    expect(await ui.readJson(page, ui.words.memo)).toEqual({
      fields: { commandId: expect.any(String), cycle: 1, message: inMemo },
    });

    await ui.send(page, 'signal', {
      name: 'cancel',
      data: cancelData,
      beforeSubmit: () => picture(page, 'cancel'),
    });
    expect(await ui.readResult(page)).toMatchObject({ outcome: 'cancelled', cycle: 1, reason });
    expect(await ui.readDetails(page, 'cancelled')).toContain(reason);

    expect(await decisions(message)).toEqual([{ outcome: 'cancelled', reason }]);
    expect(await findRequest(database.pool, { tenant: 'acme', id: message.key })).toMatchObject({ status: 'PENDING' });
    expect(await decisions(control)).toEqual([]);
    await eventually(async () => expect(await listedByKey(temporal.client)).not.toHaveProperty(message.key));
    await openList();
    await ui.rowOf(page, control).waitFor();
    expect(await ui.rowOf(page, message).count()).toBe(0);
    await ui.openMessage(page, control);
    expect(await ui.readDetails(page, 'waiting')).toContain('rent-1043');
  });

  it.each(Object.entries(found))('the query of the page for operators finds %s', async (what, examples) => {
    const page = await openList();
    await ui.find(page, queries.get(what) as string);
    expect(await ui.listed(page, examples.length)).toEqual(examples.map(workflowIdOf).sort());
  });

  it('an update cancels as the signal does, with its answer in the history', async () => {
    const page = await openFound(waiting.byUpdate);
    await ui.send(page, 'update', { name: 'cancel' });
    expect(await ui.readEvent(page, ui.words.updated)).toContain('{"result":"cancelled"}');
    expect(await ui.readResult(page)).toMatchObject({ outcome: 'cancelled' });
    expect(await decisions(waiting.byUpdate)).toEqual([{ outcome: 'cancelled', reason: null }]);
  });

  it('the button for cancellation cancels as the signal does', async () => {
    const page = await openFound(waiting.byButton);
    await ui.requestCancellation(page);
    expect(await ui.readResult(page)).toMatchObject({ outcome: 'cancelled', reason: 'cancellation requested' });
    expect(await decisions(waiting.byButton)).toEqual([{ outcome: 'cancelled', reason: 'cancellation requested' }]);
  });

  it('a message is moved by a signal, and its new due time is in the list', async () => {
    const { moved } = waiting;
    const page = await openFound(moved);
    await ui.send(page, 'signal', { name: 'move', data: moveData });
    await eventually(async () =>
      expect(await listedByKey(temporal.client)).toMatchObject({ [moved.key]: rfc3339(MOVED_TO) }),
    );
    expect(await decisions(moved)).toEqual([{ outcome: 'moved', reason: null }]);
    await openList();
    await ui.showOurColumns(page);
    await ui
      .rowOf(page, moved)
      .filter({ hasText: inTheList(MOVED_TO) })
      .waitFor();
  });
});
