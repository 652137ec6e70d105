import type { BenchContext } from './context';
import { type Percentiles, percentilesOf } from './lateness';
import type { Program, ProgramOptions } from './process';

/** What one client of a fleet is asked to do: so many calls of a form, so many of them under way at a time. */
export interface Task {
  form: string;
  round: string;
  count: number;
  concurrency: number;
}

/** What came of it. */
export interface Done {
  latenciesMs: number[];
}

export interface Fleet {
  pids: number[];
  /** Has all clients begin at once, each with its part, and waits for the last. */
  run(task: Task): Promise<{ seconds: number; callMs: Percentiles }>;
}

/** Starts so many clients, each in a process of its own: they must not share one thread with each other or what they call. */
export async function startFleet(
  bench: BenchContext,
  program: Omit<ProgramOptions, 'logFile'>,
  clients: number,
): Promise<Fleet> {
  const started: Program[] = [];
  for (let number = 0; number < clients; number += 1) started.push(await bench.start(`client-${number}`, program));
  return {
    pids: started.map(({ pid }) => pid),
    async run(task) {
      const startedAt = performance.now();
      const done = await Promise.all(
        started.map((client, number) => {
          const count = partOf(task.count, clients, number);
          const concurrency = Math.max(1, partOf(task.concurrency, clients, number));
          client.send({ ...task, count, concurrency, round: `${task.round}.${number}` });
          return client.received<Done>();
        }),
      );
      const seconds = (performance.now() - startedAt) / 1_000;
      return { seconds, callMs: percentilesOf(done.flatMap(({ latenciesMs }) => latenciesMs)) };
    },
  };
}

const partOf = (whole: number, parts: number, number: number) =>
  Math.floor(whole / parts) + (number < whole % parts ? 1 : 0);
