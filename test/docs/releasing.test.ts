import { nanoid } from 'nanoid';
import { installation } from '../../app/installation';
import { paymentRequestExpiry } from '../../app/payment-requests/expiry';
import { createPaymentRequests } from '../../app/payment-requests/requests';
import { paymentsSchema } from '../../app/payment-requests/schema';
import { TYPESCRIPT } from '../../local/run-typescript';
import { cancel, schedule } from '../../src/client';
import { readRoutingTable } from '../../src/delivery/lanes/routing-table';
import { type MessageRef, WORKFLOW_TASK_QUEUE, workflowIdOf } from '../../src/message/contract';
import { runChecks } from '../../src/operating/doctor/finding';
import { queueChecks } from '../../src/operating/doctor/workers';
import { useDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { commandsOf, readPage } from '../support/pages';
import { type Shell, withShell } from '../support/shell';
import { useTemporal } from '../support/temporal';
import { useWorkflowBuilds } from '../support/workflow-builds';

const PAGE = 'docs/releasing.md';
const topic = paymentRequestExpiry.name;
const database = useDatabase(paymentsSchema);
const temporal = useTemporal();
const { start, buildsOf } = useWorkflowBuilds(temporal, database, installation);

type Step = [has: string, check: (printed: string, shell: Shell) => Promise<unknown>];

/** The page's commands, each of which is to be run; `after` says what must be true then. */
async function follow(pages: typeof commands, after: Step[]) {
  const env = { ...temporal.envFor(database), TEMPORAL: process.env.POSTDATE_TEST_TEMPORAL_CLI };
  await withShell({ env }, async (shell: Shell) => {
    await shell.run(`postdate() { node ${TYPESCRIPT.join(' ')} app/cli.ts "$@"; }; temporal() { "$TEMPORAL" "$@"; }`);
    expect(pages.map(({ text }) => text.trim().slice(0, 300))).toEqual(
      after.map(([has]) => expect.stringContaining(has)),
    );
    for (const [index, { text, language }] of pages.entries()) {
      const printed = language === 'sh' ? await shell.run(text) : JSON.stringify(await select(text));
      await after[index]?.[1](printed, shell);
    }
  });
}
// Several statements in one query have several results, which the types of pg do not know.
const select = async (text: string) =>
  ((await database.pool.query(text)) as unknown as { rows: object[] }[]).map(({ rows }) => rows);

const commands = commandsOf(PAGE);
const isOfDeployments = ({ text }: { text: string }) => text.includes('temporal ');

/** Which lane landed a payment request of this tenant that is due now, and what it told. */
async function landed(tenant: string) {
  const id = nanoid();
  const about = { payer: 'Doe', payee: 'John', amount: '1.00', currency: 'EUR' };
  await createPaymentRequests({ pool: database.pool }).request({ tenant, id, ...about }, Date.now() + 8_000);
  return eventually(async () => {
    const { rows } = await database.pool.query(
      `select lane, (select array_agg(type order by seq) from postdate.outbox
                      where aggregateid = $1 || '/' || $2 and type ~ 'remind|expire') as told
         from postdate.delivery where tenant = $1 and key = $2`,
      [tenant, id],
    );
    expect(rows).toHaveLength(1);
    return rows[0];
  });
}
const byStable = { lane: 'stable', told: ['payment-request.expired'] };
const byCanary = { lane: 'canary', told: ['payment-request.reminder', 'payment-request.expired'] };

it('consumer logic is released by a lane as the page says: to one tenant, to more, and back', async () => {
  const worker = await start();
  const served = () =>
    eventually(async () => expect([...(await readRoutingTable(database.pool, topic)).servedLanes]).toEqual(['canary']));
  try {
    await follow(
      commands.filter((command) => !isOfDeployments(command)),
      [
        ['POSTDATE_LANE=canary', served],
        [
          '--shadow',
          async (_, shell) => {
            expect(await landed('acme')).toEqual(byStable);
            const [, diff] = /`(postdate shadow diff [^`]+)`/.exec(readPage(PAGE)) ?? [];
            await eventually(async () => {
              const printed = await shell.run(`${diff?.replaceAll('\n', ' ')} || true`);
              expect(printed).toMatch(/^1 compared, 1 different: events 1\n/);
              expect(printed).toContain('payment-request.reminder');
            });
          },
        ],
        [
          '--live --tenants',
          async (printed) => {
            expect(printed).toMatch(/canary +live +1 +v2/);
            expect(await Promise.all(['acme', 'globex'].map(landed))).toEqual([byCanary, byStable]);
          },
        ],
        ['postdate lane ramp', async () => expect(await landed('acme')).toEqual(byCanary)],
        ['postdate lane stop', async () => expect(await landed('acme')).toEqual(byStable)],
        ['select lane', async (printed) => expect(printed).toContain('"lane":"canary","build":"v2","workers":"1"')],
      ],
    );
  } finally {
    await worker.stop();
  }
}, 300_000);

it('workflow code is released by Worker Deployments as the page says: a part, all, back, and none is left behind', async () => {
  const workers: Awaited<ReturnType<typeof start>>[] = [];
  const refs = await Promise.all(
    Array.from({ length: 20 }, async (): Promise<MessageRef> => {
      const ref = { topic, tenant: 'acme', key: nanoid() };
      const dueAt = Date.now() + 3_600_000;
      await schedule(temporal.client, { ...ref, topic: paymentRequestExpiry, dueAt, cycle: 1, payload: {} });
      return ref;
    }),
  );
  /** Wakes them until their last task ran on these builds. */
  const goOnWith =
    (...wanted: string[]) =>
    async () =>
      eventually(async () => {
        for (const ref of refs) await temporal.client.workflow.getHandle(workflowIdOf(ref)).signal('wake');
        await eventually(async () => {
          const builds = await Promise.all(refs.map(async (ref) => (await buildsOf(ref)).at(-1)));
          expect([...new Set(builds)].sort()).toEqual(wanted);
        }, 5_000);
      });
  const doctor = async () => {
    for await (const { check, says } of runChecks(queueChecks(temporal.client, []), String))
      if (check === `task queue ${WORKFLOW_TASK_QUEUE}`) return says;
    return undefined;
  };
  try {
    for (const build of [undefined, 'v1', 'v2'] as const) workers.push(await start(build));
    await goOnWith('none')();
    const setsTo = 'temporal worker deployment set-current-version --deployment-name postdate';
    await follow(commands.filter(isOfDeployments), [
      [`${setsTo} --build-id v1`, goOnWith('v1')],
      [
        '--build-id v2 --percentage 10',
        async () => {
          await eventually(async () => expect(await doctor()).toMatch(/ 10 % go to postdate:v2, polled by 1$/));
        },
      ],
      ['--build-id v2 --delete', goOnWith('v1')],
      [`${setsTo} --build-id v2`, goOnWith('v2')],
      [`${setsTo} --build-id v1`, goOnWith('v1')],
      [
        'temporal workflow count',
        async (printed) => {
          expect(printed).toMatch(/^Total: 20\n[\s\S]*CurrentVersionBuildID +v1\n[\s\S]*Total: 0\n/);
        },
      ],
      [
        `${setsTo} --unversioned`,
        async () => {
          // As the page says: what they have in memory goes on with them for as long as they run.
          for (const worker of workers.splice(1)) await worker.stop();
          await goOnWith('none')();
        },
      ],
    ]);
    for (const ref of refs) await cancel(temporal.client, ref, {});
  } finally {
    for (const worker of workers) await worker.stop();
  }
}, 300_000);
