import Table from 'cli-table3';
import { type Terminal, terminalOf } from './terminal';

export type Cell = string | number | undefined;

// The least width of a last column that has to be cut.
const NARROWEST = 12;
const GAP = 2;

/**
 * Rows as a table for people. On a terminal, `cutLast` cuts the last column (free text, no names) to the room there is.
 * Elsewhere the table is plain and complete.
 */
export function tableOf(
  head: string[],
  rows: Cell[][],
  { cutLast = false, terminal = terminalOf(process.stdout) }: { cutLast?: boolean; terminal?: Terminal } = {},
): string {
  const { columns, colors } = terminal;
  const cells = rows.map((row) => head.map((_, column) => plain(String(row[column] ?? ''))));
  const natural = head.map((name, column) => Math.max(name.length, ...cells.map((row) => row[column]?.length ?? 0)));
  const table = new Table({
    head: head.map((name) => colors.bold(name)),
    colWidths: (cutLast ? fitting(natural, columns) : natural).map((width) => width + GAP),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': GAP },
    chars: Object.fromEntries(SIDES.map((side) => [side, ''])),
  });
  table.push(...cells);
  // Trailing spaces would wrap the line on a narrow terminal, or be copied with it.
  return table.toString().replaceAll(/[ ]+$/gm, '');
}

// Text typed by people, such as a reason: a line break would break the table, and a control character could change the
// terminal.
const plain = (text: string): string => text.replaceAll(/[\s\p{Cc}]+/gu, ' ');

const SIDES = [
  ...['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'],
  ...['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'],
] as const;

function fitting(widths: number[], columns = Number.POSITIVE_INFINITY): number[] {
  const others = widths.slice(0, -1);
  const room = columns - GAP - others.reduce((sum, width) => sum + width + GAP, 0);
  return [...others, Math.min(widths.at(-1) as number, Math.max(NARROWEST, room))];
}
