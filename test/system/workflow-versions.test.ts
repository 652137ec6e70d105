import { nanoid } from 'nanoid';
import { cancel, describe as describeMessage, move, schedule } from '../../src/client';
import { createRecovery } from '../../src/maintenance/recovery';
import { wakeSignal } from '../../src/message/commands';
import { deliveryTaskQueue, type MessageRef, WORKFLOW_TASK_QUEUE, workflowIdOf } from '../../src/message/contract';
import { runChecks } from '../../src/operating/doctor/finding';
import { queueChecks } from '../../src/operating/doctor/workers';
import type { Topic } from '../../src/topics/topic';
import { useDatabase } from '../support/database';
import { effectsSchema, groupTopic, traces } from '../support/effects';
import { eventually } from '../support/eventually';
import { useTemporal } from '../support/temporal';
import { useWorkflowBuilds } from '../support/workflow-builds';

const HOUR_MS = 3_600_000;
const topic: Topic = { ...groupTopic(), name: 'test.versioned' };
const once = { effects: 1, decisions: 1, events: 1 };

const database = useDatabase(effectsSchema);
const temporal = useTemporal();
const { start, buildsOf, cli } = useWorkflowBuilds(temporal, database, {
  topics: [topic],
  consumers: [],
  schemas: [effectsSchema],
});

async function post(dueInMs = HOUR_MS): Promise<MessageRef> {
  const ref = { topic: topic.name, tenant: 'acme', key: nanoid() };
  const payload = { note: 'n' } as never;
  await schedule(temporal.client, { ...ref, topic, dueAt: Date.now() + dueInMs, payload });
  return ref;
}
const several = (count: number, dueInMs?: number) => Promise.all(Array.from({ length: count }, () => post(dueInMs)));
/** Has each take a task, as its timer would. */
const wake = (refs: MessageRef[]) =>
  Promise.all(refs.map((ref) => temporal.client.workflow.getHandle(workflowIdOf(ref)).signal(wakeSignal)));
const lastBuilds = (refs: MessageRef[]) => Promise.all(refs.map(async (ref) => (await buildsOf(ref)).at(-1)));
const all = <Value>(refs: unknown[], value: Value) => refs.map(() => value);

/** Wakes them until the last task of all of them ran where it should: a change of the current version takes a moment. */
const goOn = (refs: MessageRef[], isRight: (builds: (string | undefined)[]) => boolean) =>
  eventually(async () => {
    const tasks = await Promise.all(refs.map(async (ref) => (await buildsOf(ref)).length));
    await wake(refs);
    await eventually(async () => {
      for (const [index, ref] of refs.entries())
        expect((await buildsOf(ref)).length).toBeGreaterThan(tasks[index] as number);
    });
    const builds = await lastBuilds(refs);
    expect({ builds, isRight: isRight(builds) }).toMatchObject({ isRight: true });
    return builds;
  });
const goOnWith = (refs: MessageRef[], build: string) => goOn(refs, (builds) => builds.every((one) => one === build));

const setCurrent = (build: string, ...how: string[]) => {
  const to = ['--deployment-name', 'postdate', ...(build === 'none' ? ['--unversioned'] : ['--build-id', build])];
  return cli('worker', 'deployment', 'set-current-version', ...to, ...how, '--yes');
};
const setRamp = (build: string, ...how: string[]) => {
  const to = ['--deployment-name', 'postdate', '--build-id', build];
  return cli('worker', 'deployment', 'set-ramping-version', ...to, ...how, '--yes');
};
const count = async (query: string) => {
  const said = await cli('workflow', 'count', '--query', `ExecutionStatus = 'Running' and ${query}`);
  return Number(/Total: (\d+)/.exec(said)?.[1]);
};
const countOf = (build: string) => count(`TemporalWorkerDeploymentVersion = 'postdate:${build}'`);
/** What doctor says of the queue of the workflows. */
async function doctor() {
  for await (const finding of runChecks(queueChecks(temporal.client, [topic]), String))
    if (finding.check === `task queue ${WORKFLOW_TASK_QUEUE}`) return finding;
  throw new Error('there is no such check');
}

async function withWorkers<Result>(builds: Parameters<typeof start>[0][], during: () => Promise<Result>) {
  const workers = [];
  try {
    for (const build of builds) workers.push(await start(build));
    return await during();
  } finally {
    for (const worker of workers) await worker.stop();
  }
}

// First, as Temporal remembers for a minute who has polled.
it('with versions, nothing runs until one is current: doctor says so with the command that helps, and then it runs', async () => {
  await withWorkers(['v1'], async () => {
    const ref = await post();
    const found = await eventually(async () => {
      const finding = await doctor();
      expect(finding.says).toBe('polled by postdate:v1, while tasks go to workers without a version');
      return finding;
    });
    expect(found.status).toBe('fail');
    expect(await buildsOf(ref)).toEqual([]);
    // The sweep sees a queue in which something waits, and resets nothing in it.
    const { backlogAgeMs } = createRecovery(temporal.client);
    await eventually(async () => {
      expect(await backlogAgeMs(WORKFLOW_TASK_QUEUE, 'workflows')).toBeGreaterThan(0);
    });

    const [, command] = /^temporal (.*?),/.exec(found.todo ?? '') ?? [];
    await cli(...(command ?? '').split(' '), '--yes');
    await eventually(async () => expect(await buildsOf(ref)).toEqual(['v1']));
    await eventually(async () => {
      expect(await doctor()).toMatchObject({ status: 'ok', says: 'polled by 1 as postdate:v1' });
    });
    await cancel(temporal.client, ref, {});
  });
}, 300_000);

it('messages that sleep since before there were versions, or on build 1, go on with build 2, by a ramp and then all, and back', async () => {
  const [before, landing, sleeping] = await withWorkers([undefined], async () => {
    await setCurrent('none');
    const refs = await several(2);
    await eventually(async () => expect(await lastBuilds(refs)).toEqual(all(refs, 'none')));
    return [refs, [] as MessageRef[], [] as MessageRef[]];
  });

  await withWorkers(['v1', 'v2'], async () => {
    await setCurrent('v1');
    await goOnWith(before, 'v1');
    sleeping.push(...(await several(20)));
    await eventually(async () => expect(await lastBuilds(sleeping)).toEqual(all(sleeping, 'v1')));
    await eventually(async () => expect(await countOf('v1')).toBe(22));

    await setRamp('v2', '--percentage', '50');
    landing.push(...(await several(10, 5_000)));
    const ramped = await goOn(sleeping, (builds) => new Set(builds).size === 2);
    await wake(sleeping);
    // The same messages at every wake.
    expect(await goOn(sleeping, () => true)).toEqual(ramped);
    expect((await doctor()).says).toMatch(/^polled by 1 as postdate:v1, 50 % go to postdate:v2, polled by 1$/);

    await setRamp('v2', '--delete');
    await goOnWith(sleeping, 'v1');

    await setCurrent('v2');
    await goOnWith([...before, ...sleeping], 'v2');
    for (const { key } of landing) await eventually(async () => expect(await traces(database.pool, key)).toEqual(once));
    // Visibility follows a moment later.
    await eventually(async () => expect(await countOf('v1')).toBe(0));
    expect(await countOf('v2')).toBeGreaterThanOrEqual(22);
    expect(await count(`TemporalWorkflowVersioningBehavior = 'Pinned'`)).toBe(0);

    await setCurrent('v1');
    await goOnWith([...before, ...sleeping], 'v1');
  });
  // Nobody needs the builds of a deployment that was given up.
  await withWorkers([undefined], async () => {
    await setCurrent('none');
    await goOnWith([...before, ...sleeping], 'none');
    for (const ref of [...before, ...sleeping]) await cancel(temporal.client, ref, {});
  });
}, 300_000);

it('a message that continues as new does so with the current build, and what is due meanwhile lands once', async () => {
  await withWorkers(['v1', 'v2'], async () => {
    await setCurrent('v1');
    const [ref] = (await several(1)) as [MessageRef];
    await eventually(async () => expect(await buildsOf(ref)).toEqual(['v1']));
    const { runId } = await temporal.client.workflow.getHandle(workflowIdOf(ref)).describe();

    await setCurrent('v2');
    await goOnWith([ref], 'v2');
    await move(temporal.client, ref, { dueAt: Date.now() + 2_000 });
    await eventually(async () => {
      const next = await temporal.client.workflow.getHandle(workflowIdOf(ref)).describe();
      expect(next.runId).not.toBe(runId);
      // It began on build 2, and so with what only that does; the run before went without.
      expect(next.memo).toMatchObject({ release: 'next' });
      expect(new Set(await buildsOf(ref))).toEqual(new Set(['v2']));
    });
    await eventually(async () => expect(await traces(database.pool, ref.key)).toMatchObject({ effects: 1, events: 1 }));
    const ending = { state: 'ended', ending: { outcome: 'delivered' } };
    await eventually(async () => expect(await describeMessage(temporal.client, ref)).toMatchObject(ending));
  });
}, 300_000);

it('rolled back, what has passed the patched place waits and fails no more than its task; it goes on when build 2 is current again', async () => {
  await withWorkers(['v1', 'v2'], async () => {
    await setCurrent('v2');
    const [patched] = (await several(1)) as [MessageRef];
    await eventually(async () => expect(await lastBuilds([patched])).toEqual(['v2']));
    await setCurrent('v1');
    const old = await several(1);
    await eventually(async () => expect(await lastBuilds(old)).toEqual(['v1']));
    const failed = async () => {
      const { events } = await temporal.client.workflow.getHandle(workflowIdOf(patched)).fetchHistory();
      return (events ?? []).filter((event) => event.workflowTaskFailedEventAttributes).length;
    };
    await eventually(async () => {
      await wake([patched]);
      expect(await failed()).toBeGreaterThan(0);
    });
    // The control: what has not passed it is not concerned.
    await goOnWith(old, 'v1');
    expect(await describeMessage(temporal.client, patched).catch(String)).not.toMatchObject({ state: 'ended' });

    await setCurrent('v2');
    await eventually(async () => expect((await buildsOf(patched)).length).toBeGreaterThan(1), 120_000);
    for (const ref of [patched, ...old]) {
      const answer = await cancel(temporal.client, ref, {});
      expect(['cancelled', 'requested']).toContain(answer.result);
      const ending = { state: 'ended', ending: { outcome: 'cancelled' } };
      await eventually(async () => expect(await describeMessage(temporal.client, ref)).toMatchObject(ending), 120_000);
    }
  });
}, 300_000);

it('while nobody of the current version runs, tasks wait in a queue that the sweep sees, and go on with whichever is made current', async () => {
  await withWorkers(['v1'], async () => {
    await setCurrent('v1');
    const [ref] = (await several(1)) as [MessageRef];
    await eventually(async () => expect(await lastBuilds([ref])).toEqual(['v1']));
    await setCurrent('v2', '--allow-no-pollers');
    const { backlogAgeMs } = createRecovery(temporal.client);
    await eventually(async () => {
      await wake([ref]);
      expect(await backlogAgeMs(WORKFLOW_TASK_QUEUE, 'workflows')).toBeGreaterThan(1_000);
    });
    expect(await lastBuilds([ref])).toEqual(['v1']);
    const before = (await buildsOf(ref)).length;
    await setCurrent('v1');
    await eventually(async () => expect((await buildsOf(ref)).length).toBeGreaterThan(before));
    await cancel(temporal.client, ref, {});
  });
}, 300_000);

it('workers of deliveries are of no version, with a deployment and without', async () => {
  await withWorkers(['v1'], async () => {
    await setCurrent('v1');
    await eventually(async () => {
      const asked = {
        namespace: temporal.namespace,
        taskQueueType: 2,
        taskQueue: { name: deliveryTaskQueue(topic.name) },
      };
      const { pollers } = await temporal.client.workflowService.describeTaskQueue(asked);
      expect(pollers?.length).toBeGreaterThan(0);
      // WORKER_VERSIONING_MODE_VERSIONED is 2.
      for (const { deploymentOptions } of pollers ?? [])
        expect(deploymentOptions?.workerVersioningMode ?? 0).not.toBe(2);
    });
  });
});
