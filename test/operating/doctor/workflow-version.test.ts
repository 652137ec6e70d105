import { checkVersions, type Poller, type Routing } from '../../../src/operating/doctor/workflow-version';

const of = (buildId: string) => ({ deploymentName: 'postdate', buildId });
const versioned = (buildId: string): Poller => ({ deploymentOptions: { ...of(buildId), workerVersioningMode: 2 } });
const unversioned: Poller = { deploymentOptions: null };
const current = (buildId: string): Routing => ({ currentDeploymentVersion: of(buildId) });
const ramp = (buildId: string, percent: number): Routing => ({
  rampingDeploymentVersion: of(buildId),
  rampingVersionPercentage: percent,
});
const SET = 'temporal worker deployment set-current-version --deployment-name postdate';

it.each<[string, Poller[], Routing | null, string]>([
  ['workers without a version, on a server that knows none', [unversioned, {}], null, 'polled by 2'],
  ['they, beside a version that is not current yet', [unversioned, versioned('v1')], {}, 'polled by 1'],
  ['the current version', [versioned('v1')], current('v1'), 'polled by 1 as postdate:v1'],
  ['it, and one to come', [versioned('v1'), versioned('v2')], current('v1'), 'polled by 1 as postdate:v1'],
  [
    'a ramp',
    [versioned('v1'), versioned('v2')],
    { ...current('v1'), ...ramp('v2', 10) },
    'polled by 1 as postdate:v1, 10 % go to postdate:v2, polled by 1',
  ],
  [
    'a ramp of nothing, which nobody needs to poll for',
    [versioned('v1')],
    { ...current('v1'), ...ramp('v2', 0) },
    'polled by 1 as postdate:v1',
  ],
])('all is well with %s', (_, polling, routing, says) => {
  expect(checkVersions(polling, routing)).toEqual({ status: 'ok', says });
});

it.each<[string, Poller[], Routing, string, string]>([
  [
    'a version alone, and none is current',
    [versioned('v1')],
    {},
    'polled by postdate:v1, while tasks go to workers without a version',
    `${SET} --build-id v1, or `,
  ],
  [
    'the version before alone',
    [versioned('v1'), versioned('v1')],
    current('v2'),
    'polled by postdate:v1, while tasks go to postdate:v2',
    `${SET} --build-id v1, or `,
  ],
  [
    'workers without a version alone, and one is current',
    [unversioned],
    current('v2'),
    'polled by workers without a version, while tasks go to postdate:v2',
    `${SET} --unversioned, or `,
  ],
  [
    'the ramp alone',
    [versioned('v2')],
    { ...current('v1'), ...ramp('v2', 10) },
    'polled by postdate:v2, while tasks go to postdate:v1',
    `${SET} --build-id v2, or `,
  ],
  [
    'all but the ramp',
    [versioned('v1')],
    { ...current('v1'), ...ramp('v2', 10) },
    '10 % of the messages wait for postdate:v2, which nobody polls as',
    'start its workers, or end the ramp',
  ],
])('tasks wait in vain where there is %s, and it says what helps', (_, polling, routing, says, todo) => {
  const found = checkVersions(polling, routing);
  expect(found).toMatchObject({ status: 'fail', says });
  expect(found.todo).toContain(todo);
});
