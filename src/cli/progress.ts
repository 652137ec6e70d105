import { clearLine, cursorTo } from 'node:readline';
import { type GenericBar, MultiBar } from 'cli-progress';
import type { Progress } from '../platform/loops/progress';
import { print } from './output';

/** A progress bar on the terminal. Text that is printed meanwhile appears above it. */
export interface ShownProgress extends Progress {
  print(text: string): void;
}

// With a topic's name before it and two large numbers after it, the bar still fits on a line of 80.
const BAR_COLUMNS = 24;

/**
 * Shows a bar on standard error while `work` runs, and removes it afterwards. With `json`, or without a terminal, there
 * is no bar, and `work` gets no progress.
 */
export async function withProgress<Result>(
  { json }: { json?: boolean },
  work: (progress?: ShownProgress) => Promise<Result>,
): Promise<Result> {
  if (json || !process.stderr.isTTY) return work();
  const bars = new MultiBar({
    format: '{what} {bar} {value} of {total}',
    barsize: BAR_COLUMNS,
    clearOnComplete: true,
    hideCursor: true,
  });
  // The signal ends the process, as it does without a bar. Before that, the terminal gets its cursor back.
  const interrupted = (signal: NodeJS.Signals) => {
    stop();
    process.kill(process.pid, signal);
  };
  const stop = () => {
    for (const signal of SIGNALS) process.off(signal, interrupted);
    bars.stop();
  };
  for (const signal of SIGNALS) process.once(signal, interrupted);
  try {
    return await work(shownBy(bars));
  } finally {
    stop();
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

function shownBy(bars: MultiBar): ShownProgress {
  let bar: GenericBar | undefined;
  return {
    begin(what, pieces) {
      if (bar) bar.start(pieces, 0, { what });
      else bar = bars.create(pieces, 0, { what });
    },
    done: (pieces) => bar?.increment(pieces),
    print(text) {
      clearLine(process.stderr, 0);
      cursorTo(process.stderr, 0);
      print(text);
      bar?.render(true);
    },
  };
}
