import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { Command } from 'commander';
import type { Pool } from 'pg';
import { type Overview, readOverview } from '../operating/overview';
import { queryOf } from '../producing/list';
import { withClient, withPool } from './connections';
import { duration } from './duration';
import { type ExitCode, run } from './exit';
import { withExample } from './options';
import { print, printJsonLine, untilInterrupted } from './output';
import { tableOf } from './table';

interface Options {
  topic?: string;
  tenant?: string;
  json?: boolean;
}

const EVERY_MS = 1_000;
// Moves the cursor home and clears from there: no flicker, and earlier output stays in the scroll-back.
const HOME = '\u001b[H\u001b[J';
const CLEAR = '\u001b[2J';
// Hides the cursor, which would jump about, and turns line wrap off: a wrapped line would push others out of sight.
const TAKE_TERMINAL = '\u001b[?25l\u001b[?7l';
const RESTORE_TERMINAL = '\u001b[?7h\u001b[?25h';

export function addWatch(program: Command): void {
  const command = program
    .command('watch')
    .description('what is due next, held, overdue and has just landed, every second until Ctrl-C')
    .option('--topic <topic>', 'of this topic only')
    .option('--tenant <tenant>', 'of this tenant only');
  withExample(
    command,
    'watch --topic payment-request.expiry',
    'a line of JSON a second, as also without a terminal',
  ).action((options: Options) => {
    const { topic, tenant } = options;
    return run(watchAll({ topic, tenant }, options.json || !process.stdout.isTTY));
  });
}

async function watchAll(selection: { topic?: string; tenant?: string }, json: boolean): Promise<ExitCode> {
  queryOf(selection);
  return withPool((pool) => withClient((client) => watch({ client, pool }, selection, json)));
}

async function watch(
  deps: { client: Client; pool: Pool },
  selection: { topic?: string; tenant?: string },
  json: boolean,
): Promise<ExitCode> {
  const over = new AbortController();
  const restoreTerminal = () => !json && process.stdout.write(RESTORE_TERMINAL);
  void untilInterrupted().then(() => {
    over.abort();
    // At once: if Temporal does not answer, a second Ctrl-C may end the process before anything else runs.
    restoreTerminal();
  });
  if (!json) process.stdout.write(TAKE_TERMINAL + CLEAR);
  try {
    while (!over.signal.aborted) {
      const overview = await readOverview(deps, selection);
      if (json) printJsonLine(overview);
      else print(HOME + screenOf(overview, process.stdout.rows));
      // Only the abort rejects this pause, and then the command ends as asked.
      await pause(EVERY_MS, undefined, { signal: over.signal }).catch(() => undefined);
    }
  } finally {
    restoreTerminal();
  }
  return 0;
}

/** The overview as a screen for people. Its top stays visible on a terminal of few `rows`. */
function screenOf({ at, next, held, overdue, landed, landedLastMinute }: Overview, rows?: number): string {
  const holding = held.map(({ topic, messages }) => `${messages} of ${topic}`).join(', ') || 'none';
  const now = Date.parse(at);
  const lines = [
    `${at}   Ctrl-C ends this`,
    '',
    `held:     ${holding}`,
    `overdue:  ${overdue}${overdue > 0 ? '; postdate stuck says why' : ''}`,
    `decided:  ${landedLastMinute} in the last minute`,
    '',
    tableOf(
      ['due next', 'in', 'topic', 'message'],
      next.map(({ dueAt, topic, tenant, key }) => [
        dueAt,
        dueAt === undefined ? undefined : duration(Math.max(0, Date.parse(dueAt) - now)),
        topic,
        `${tenant}/${key}`,
      ]),
    ),
    '',
    tableOf(
      ['decided', 'outcome', 'late by', 'topic', 'message'],
      landed.map(({ decidedAt, outcome, lateByMs, topic, tenant, key, cycle }) => [
        decidedAt,
        outcome,
        lateByMs === undefined ? undefined : duration(lateByMs),
        topic,
        `${tenant}/${key} cycle ${cycle}`,
      ]),
    ),
  ].flatMap((text) => text.split('\n'));
  // The last row is for the cursor. Some terminals do not know their number of rows, or report 0.
  return lines.slice(0, rows ? rows - 1 : undefined).join('\n');
}
