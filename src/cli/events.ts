import { setTimeout as pause } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Pool } from 'pg';
import { readStream, type StreamedEvent } from '../events/stream';
import { withPool } from './connections';
import { type ExitCode, run } from './exit';
import { position, wholeFromOne, withExample } from './options';
import { print, printJsonLine, untilInterrupted } from './output';
import { addSetAside } from './set-aside';

interface Options {
  from: number;
  follow?: boolean;
  type?: string;
  tenant?: string;
  limit?: number;
  json?: boolean;
}

const PAGE = 500;
const POLL_MS = 500;

export function addEvents(program: Command): void {
  const command = program
    .command('events')
    .description("the events of the stream, in its order; reading moves no consumer's position")
    .option('--from <position>', 'those after this position', position, 0)
    .option('--follow', 'and those that come, until Ctrl-C')
    .option('--type <type>', 'of this type only')
    .option('--tenant <tenant>', 'of this tenant only')
    .option('--limit <number>', 'at most so many', wholeFromOne);
  withExample(command, 'events --from 0 --type payment-request.expired', 'a line of JSON for each').action(
    (options: Options) => run(withPool((pool) => showEvents(pool, options))),
  );
  addSetAside(command, () => command.opts<Options>().json === true);
}

async function showEvents(pool: Pool, options: Options): Promise<ExitCode> {
  const { follow, type, tenant, limit = Number.POSITIVE_INFINITY } = options;
  const over = new AbortController();
  void untilInterrupted().then(() => over.abort());
  let last = options.from;
  let shown = 0;
  while (!over.signal.aborted) {
    const page = await readStream(pool, last, PAGE);
    for (const streamed of page) {
      const { event } = streamed;
      last = streamed.position;
      if ((type !== undefined && event.type !== type) || (tenant !== undefined && event.tenant !== tenant)) continue;
      if (options.json) printJsonLine(streamed);
      else print(lineOf(streamed));
      shown += 1;
      if (shown >= limit) return 0;
    }
    if (page.length > 0) continue;
    if (!follow) break;
    // Only the abort rejects this pause, and then the command ends as asked.
    await pause(POLL_MS, undefined, { signal: over.signal }).catch(() => undefined);
  }
  return 0;
}

// Without the data, which may be confidential. The subject names the message.
const lineOf = ({ position: at, event: { time, type, subject, cycle } }: StreamedEvent): string =>
  `${String(at).padStart(8)}  ${time}  ${type}  ${subject}  cycle ${cycle}`;
