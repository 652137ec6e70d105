import { type Found, fail, ok } from './finding';

// temporal.api.enums.v1.WorkerVersioningMode
const VERSIONED = 2;

interface Version {
  deploymentName?: string | null;
  buildId?: string | null;
}
type Name = string | undefined;

/** Of a poller, as far as it is asked. */
export interface Polling {
  deploymentOptions?: (Version & { workerVersioningMode?: number | null }) | null;
}
/** To which versions a task queue's tasks go; none is: to workers without a version. */
export interface Routing {
  currentDeploymentVersion?: Version | null;
  rampingDeploymentVersion?: Version | null;
  rampingVersionPercentage?: number | null;
}

/**
 * Whether those who poll for workflows are of the versions that Temporal gives tasks to: workers of any other version, or
 * without one, poll in vain.
 */
export function versionsOf(polling: Polling[], routing: Routing | null | undefined): Found {
  const pollers = polling.map(({ deploymentOptions: of }) =>
    of?.workerVersioningMode === VERSIONED ? nameOf(of) : undefined,
  );
  const countOf = (version: Name) => pollers.filter((one) => one === version).length;
  const current = nameOf(routing?.currentDeploymentVersion);
  const ramping = nameOf(routing?.rampingDeploymentVersion);
  const percent = routing?.rampingVersionPercentage ?? 0;
  const others = [...new Set(pollers)].filter((one) => one !== current && one !== ramping);

  if (countOf(current) === 0) {
    const says = `polled by ${others.map(wordsOf).join(', ') || wordsOf(ramping)}, while tasks go to ${wordsOf(current)}`;
    return fail(says, howToSet(others[0] ?? ramping, current));
  }
  if (ramping && percent > 0 && countOf(ramping) === 0) {
    return fail(
      `${percent} % of the messages wait for ${ramping}, which nobody polls as`,
      'start its workers, or end the ramp (docs/releasing.md)',
    );
  }
  if (current === undefined && ramping === undefined) return ok(`polled by ${countOf(current)}`);
  const ramp = ramping && percent > 0 ? `, ${percent} % go to ${ramping}, polled by ${countOf(ramping)}` : '';
  return ok(`polled by ${countOf(current)} as ${wordsOf(current)}${ramp}`);
}

/** As Temporal writes it in lists and search attributes. */
const nameOf = (version: Version | null | undefined): Name =>
  version?.deploymentName ? `${version.deploymentName}:${version.buildId}` : undefined;

const wordsOf = (version: Name): string => version ?? 'workers without a version';

/** Has tasks go to whoever polls. */
function howToSet(polls: Name, current: Name): string {
  const [deployment, ...build] = (polls ?? current ?? '').split(':');
  const to = polls ? `--build-id ${build.join(':')}` : '--unversioned';
  const command = `temporal worker deployment set-current-version --deployment-name ${deployment} ${to}`;
  return `${command}, or start workers of the version that is current (docs/releasing.md)`;
}
