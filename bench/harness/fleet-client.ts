import { atWork } from './child';
import { closedLoop } from './closed-loop';
import type { Done, Task } from './fleet';

export type Call = (index: number, task: Task) => Promise<unknown>;

/** For the programs of a fleet: does what it is asked to, by these forms of the call, and tells how long each call took. */
export function serveFleet(forms: Record<string, Call>, stop: () => Promise<unknown>): void {
  process.on('message', (task: Task) => {
    const call = forms[task.form];
    if (!call) throw new Error(`no form ${task.form}`);
    // A call that fails ends this process, and with it the benchmark: a rate with failures in it is none.
    void closedLoop(task, (index) => call(index, task)).then(({ latenciesMs }) => {
      const done: Done = { latenciesMs };
      process.send?.(done);
    });
  });
  atWork(stop);
}
