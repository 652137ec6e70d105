import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { Fault, PlannedFault } from '../plan/fault-plan';
import type { StrangeAct } from '../plan/stranger-plan';
import { createStranger } from '../stranger/stranger';
import { LINKS, PROGRAMS } from './links';
import type { Parts } from './parts';
import { signalIfThere } from './signals';

/** How often each kind has really struck. */
export interface Struck {
  kills: number;
  pauses: number;
  linkFaults: number;
  commitsUnknown: number;
  timersLost: number;
  diskFull: number;
  /** A stranger's acts: those that the system took, and those that it refused or that did not reach it. */
  strange: { done: number; refused: number };
  /** When the database's clock was wrong, by the right one. Epoch ms. */
  clockWrong: { from: number; to: number }[];
}

/** Plays the faults of a plan on running parts; resolves when the last one is healed. */
export async function playFaults(
  faults: PlannedFault[],
  parts: Parts,
  { client, startedAt, log }: { client: Client; startedAt: number; log(line: string): void },
): Promise<Struck> {
  const { postgres, temporal, links } = parts;
  const struck: Struck = {
    kills: 0,
    pauses: 0,
    linkFaults: 0,
    commitsUnknown: 0,
    timersLost: 0,
    diskFull: 0,
    strange: { done: 0, refused: 0 },
    clockWrong: [],
  };
  // Two that bring the same server down and up again at one time would only be in each other's way.
  const postgresFaults = oneAtATime();
  const temporalFaults = oneAtATime();

  const actOddly = createStranger({ client, databaseUrl: postgres.url });

  // Without a result of its own, a kind that is left out would strike nothing and be seen by no one.
  const unplayable = (fault: never): never => {
    throw new Error(`no such fault: ${JSON.stringify(fault)}`);
  };

  function strike(fault: Fault): Promise<void> | void {
    switch (fault.kind) {
      case 'kill':
        return kill(parts.pidOf(fault.part));
      case 'pause':
        return stopAndContinue(pidOf(fault.part), fault.forMs);
      case 'link':
        return breakLink(fault);
      case 'loseTimers':
        return temporalFaults(async () => {
          struck.timersLost += await temporal.loseTimers(fault.timers);
        });
      case 'crashPostgres':
        return postgresFaults(() => downAndUp(postgres, () => postgres.crash(fault.signal), fault.forMs));
      case 'crashTemporal':
        return temporalFaults(() => downAndUp(temporal, temporal.crashServer, fault.forMs));
      case 'crashTemporalDatabase':
        return temporalFaults(() => downAndUp(temporal, temporal.crashDatabase, fault.forMs));
      case 'crashEverything':
        return crashEverything(fault.forMs);
      case 'fillDisk':
        return postgresFaults(() => fillDisk(fault.forMs));
      case 'shiftClock':
        return postgresFaults(() => shiftClock(fault.seconds, fault.forMs));
      case 'stranger':
        return actStrangely(fault.act);
      default:
        return unplayable(fault);
    }
  }

  async function actStrangely(act: StrangeAct): Promise<void> {
    struck.strange[(await actOddly(act)) ? 'done' : 'refused'] += 1;
  }

  const pidOf = (part: (Fault & { kind: 'pause' })['part']) =>
    part === 'temporal' ? temporal.pid() : part === 'postgres' ? postgres.pid() : parts.pidOf(part);

  function kill(pid: number | undefined): void {
    if (pid !== undefined && signalIfThere(pid, 'SIGKILL')) struck.kills += 1;
  }

  async function downAndUp(server: { restart(): Promise<void> }, crash: () => Promise<void>, forMs: number) {
    await crash();
    struck.kills += 1;
    await pause(forMs);
    await server.restart();
  }

  // As after a power cut: every process, then the servers again; the programs come back by themselves.
  async function crashEverything(forMs: number): Promise<void> {
    await postgresFaults(() =>
      temporalFaults(async () => {
        for (const program of PROGRAMS) kill(parts.pidOf(program));
        await Promise.all([postgres.crash('SIGKILL'), temporal.crashServer(), temporal.crashDatabase()]);
        struck.kills += 3;
        await pause(forMs);
        await Promise.all([postgres.restart(), temporal.restart()]);
      }),
    );
  }

  async function stopAndContinue(pid: number | undefined, forMs: number): Promise<void> {
    if (pid === undefined || !signalIfThere(pid, 'SIGSTOP')) return;
    struck.pauses += 1;
    await pause(forMs);
    signalIfThere(pid, 'SIGCONT');
  }

  async function breakLink({ link: name, mode, forMs }: Fault & { kind: 'link' }): Promise<void> {
    const link = links[name];
    const before = link.bites();
    link.setMode(mode);
    await pause(forMs);
    link.setMode('pass');
    const bites = link.bites() - before;
    if (bites > 0) struck.linkFaults += 1;
    if (mode === 'dropReplyToCommit') struck.commitsUnknown += bites;
  }

  async function fillDisk(forMs: number): Promise<void> {
    if (!postgres.disk) return;
    await postgres.disk.fill();
    struck.diskFull += 1;
    await pause(forMs);
    await postgres.disk.free();
    // It ends when it cannot write its log, and goes on when it was only told so.
    await postgres.restart();
  }

  async function shiftClock(seconds: number, forMs: number): Promise<void> {
    if (!postgres.clock) return;
    const from = Date.now();
    await postgres.clock.shift(seconds);
    await pause(forMs);
    await postgres.clock.shift(0);
    struck.clockWrong.push({ from, to: Date.now() });
  }

  const running = faults.map(async ({ atMs, ...fault }) => {
    await pause(Math.max(0, startedAt + atMs - Date.now()));
    log(JSON.stringify(fault));
    try {
      await strike(fault);
    } catch (cause) {
      throw new Error(`the harness could not play ${JSON.stringify(fault)}: ${(cause as Error).message}`, { cause });
    }
  });
  await Promise.all(running);
  for (const name of LINKS) links[name].setMode('pass');
  return struck;
}

function oneAtATime() {
  let line: Promise<unknown> = Promise.resolve();
  return (work: () => Promise<void>): Promise<void> => {
    const turn = line.then(work);
    line = turn.catch(() => undefined);
    return turn;
  };
}
