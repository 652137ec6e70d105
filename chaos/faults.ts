import { setTimeout as pause } from 'node:timers/promises';
import { type Parts, signalIfThere, stopImmediately } from './parts';
import type { PlannedFault } from './plan';

/** How often each kind has really struck. */
export interface Struck {
  kills: number;
  pauses: number;
  linkFaults: number;
  commitsUnknown: number;
  timersLost: number;
}

/** Plays the faults of a plan on running parts; resolves when the last one is healed. */
export async function playFaults(
  faults: PlannedFault[],
  parts: Parts,
  { startedAt, log }: { startedAt: number; log(line: string): void },
): Promise<Struck> {
  const struck: Struck = { kills: 0, pauses: 0, linkFaults: 0, commitsUnknown: 0, timersLost: 0 };
  // Two that restart the same server at one time would only be in each other's way.
  const servers = { temporal: Promise.resolve(), postgres: Promise.resolve() };

  async function strike(fault: PlannedFault): Promise<void> {
    log(`${fault.kind} ${JSON.stringify(fault)}`);
    switch (fault.kind) {
      case 'kill':
        return kill(parts.pidOf(fault.part));
      case 'pause':
        return stopAndContinue(parts.pidOf(fault.part), fault.forMs);
      case 'link':
        return breakLink(fault);
      case 'loseTimers':
        struck.timersLost += await servers.temporal.then(parts.loseTimers).catch(() => 0);
        return;
      case 'killPostgres':
        servers.postgres = servers.postgres.then(async () => {
          const pid = parts.pidOf('postgres');
          if (pid !== undefined) await stopImmediately(pid);
          struck.kills += 1;
          await pause(fault.forMs);
          await parts.restartPostgres();
        });
        return servers.postgres;
      case 'killTemporal':
        servers.temporal = servers.temporal.then(async () => {
          kill(parts.pidOf('temporal'));
          await pause(fault.forMs);
          await parts.restartTemporal();
        });
        return servers.temporal;
    }
  }

  function kill(pid: number | undefined): void {
    if (pid !== undefined && signalIfThere(pid, 'SIGKILL')) struck.kills += 1;
  }

  async function stopAndContinue(pid: number | undefined, forMs: number): Promise<void> {
    if (pid === undefined || !signalIfThere(pid, 'SIGSTOP')) return;
    struck.pauses += 1;
    await pause(forMs);
    signalIfThere(pid, 'SIGCONT');
  }

  async function breakLink({ link: name, mode, forMs }: PlannedFault & { kind: 'link' }): Promise<void> {
    const link = parts.links[name];
    const before = link.bites();
    link.setMode(mode);
    await pause(forMs);
    link.setMode('pass');
    const bites = link.bites() - before;
    if (bites > 0) struck.linkFaults += 1;
    if (mode === 'dropReplyToCommit') struck.commitsUnknown += bites;
  }

  const running = faults.map(async (fault) => {
    await pause(Math.max(0, startedAt + fault.atMs - Date.now()));
    await strike(fault);
  });
  await Promise.all(running);
  return struck;
}
