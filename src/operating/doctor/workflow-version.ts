import { type Found, fail, ok } from './finding';

// temporal.api.enums.v1.WorkerVersioningMode
const VERSIONED = 2;

interface Version {
  deploymentName?: string | null;
  buildId?: string | null;
}
type VersionName = string | undefined;

/** The used part of Temporal's description of a poller. */
export interface Poller {
  deploymentOptions?: (Version & { workerVersioningMode?: number | null }) | null;
}
/** The versions that get a task queue's tasks. Without any, workers without a version get them. */
export interface Routing {
  currentDeploymentVersion?: Version | null;
  rampingDeploymentVersion?: Version | null;
  rampingVersionPercentage?: number | null;
}

/**
 * Checks that the workers that poll for workflows have the versions that Temporal gives tasks to. Workers of another
 * version, or without one, poll in vain.
 */
export function checkVersions(polling: Poller[], routing: Routing | null | undefined): Found {
  const pollers = polling.map(({ deploymentOptions: of }) =>
    of?.workerVersioningMode === VERSIONED ? nameOf(of) : undefined,
  );
  const countOf = (version: VersionName) => pollers.filter((one) => one === version).length;
  const current = nameOf(routing?.currentDeploymentVersion);
  const ramping = nameOf(routing?.rampingDeploymentVersion);
  const percent = routing?.rampingVersionPercentage ?? 0;
  const others = [...new Set(pollers)].filter((one) => one !== current && one !== ramping);

  if (countOf(current) === 0) {
    const says = `polled by ${others.map(labelOf).join(', ') || labelOf(ramping)}, while tasks go to ${labelOf(current)}`;
    return fail(says, fixFor(others[0] ?? ramping, current));
  }
  if (ramping && percent > 0 && countOf(ramping) === 0) {
    return fail(
      `${percent} % of the messages wait for ${ramping}, which nobody polls as`,
      'start its workers, or end the ramp (docs/releasing.md)',
    );
  }
  if (current === undefined && ramping === undefined) return ok(`polled by ${countOf(current)}`);
  const ramp = ramping && percent > 0 ? `, ${percent} % go to ${ramping}, polled by ${countOf(ramping)}` : '';
  return ok(`polled by ${countOf(current)} as ${labelOf(current)}${ramp}`);
}

/** As Temporal writes it in lists and search attributes. */
const nameOf = (version: Version | null | undefined): VersionName =>
  version?.deploymentName ? `${version.deploymentName}:${version.buildId}` : undefined;

const labelOf = (version: VersionName): string => version ?? 'workers without a version';

/** The command that routes tasks to the version of the pollers. */
function fixFor(polls: VersionName, current: VersionName): string {
  const [deployment, ...build] = (polls ?? current ?? '').split(':');
  const to = polls ? `--build-id ${build.join(':')}` : '--unversioned';
  const command = `temporal worker deployment set-current-version --deployment-name ${deployment} ${to}`;
  return `${command}, or start workers of the version that is current (docs/releasing.md)`;
}
