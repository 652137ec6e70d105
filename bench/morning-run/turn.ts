import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { BenchContext } from '../harness/context';
import type { Sample } from './foreground-load';
import type { Form } from './form';
import { PLACES } from './places';
import { readOutcome, restoreTable } from './request-rows';
import { summarise, type Window } from './window';

/** A form's windows, and every request of the foreground in them. */
export interface Turn {
  form: Form;
  windows: Window[];
  /** By window, with its due instant. */
  requests: { dueAt: number; samples: Sample[] }[];
}

/** Gives one form its windows, one after the other, each on a restored table and under the same foreground load. */
export async function takeTurn(
  bench: BenchContext,
  form: Form,
  { rows, rate, connections }: { rows: number; rate: number; connections: number },
): Promise<Turn> {
  const { pool, url } = bench.database;
  const { dueRows } = form;
  bench.log(`${form.name}: ${form.windows} windows, ${dueRows} rows due in each`);
  const started = await form.start();
  const foreground = await bench.start('foreground', {
    file: join(__dirname, 'foreground.ts'),
    env: {
      DATABASE_URL: url,
      BENCH_RATE: String(rate),
      BENCH_ROWS: String(rows),
      BENCH_DUE_ROWS: String(dueRows),
      BENCH_CONNECTIONS: String(connections),
    },
    cpus: PLACES?.application,
  });
  const samplesSoFar = () => {
    foreground.send({ samples: true });
    return foreground.received<Sample[]>();
  };

  const turn: Turn = { form, windows: [], requests: [] };
  for (let index = 0; index < form.windows; index += 1) {
    const dueAt = await started.dueAt(index);
    await pause(dueAt - form.restoreMs - Date.now());
    await restoreTable(pool, { dueRows, dueAt });
    await started.arm?.(index, dueAt);
    if (Date.now() > dueAt) throw new Error(`${form.name}: the table was not restored before the due instant`);
    await pause(dueAt - Date.now());
    await started.done(index, dueAt);
    const outcome = await readOutcome(pool, dueRows);
    const [samples, events] = [await samplesSoFar(), await started.events(index)];
    const window = summarise(outcome, { dueAt, samples, events, fixedLengthMs: started.fixedLengthMs });
    turn.windows.push(window);
    turn.requests.push({ dueAt, samples });
    const { latencyMs } = window.foreground;
    bench.log(
      `  window ${index + 1}: ${Math.round(window.lengthMs)} ms, foreground p99 ${latencyMs.p99.toFixed(1)} ms`,
    );
  }
  await foreground.stop();
  await started.stop();
  return turn;
}
