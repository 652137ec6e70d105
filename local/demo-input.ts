import { readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { z } from 'zod';

const seconds = z.coerce.number().int().positive();
const base = {
  id: z.string().min(1),
  tenant: z.string().min(1),
  payer: z.string().min(1),
  payee: z.string().min(1),
  amount: z.string(),
  currency: z.string(),
  expires_in_seconds: seconds,
};
const line = z.discriminatedUnion('action', [
  z.object({ ...base, action: z.literal('') }),
  z.object({ ...base, action: z.enum(['pay', 'cancel']), action_after_seconds: seconds }),
  z.object({ ...base, action: z.literal('extend'), action_after_seconds: seconds, extend_by_seconds: seconds }),
]);

/** One line of the demo's input: a payment request, and what its payer or payee does about it. */
export type DemoLine = z.output<typeof line>;

/** Reads the demo's input; throws with the line's number when one is not as it must be. */
export function readDemoInput(path: string): DemoLine[] {
  const records: unknown[] = parse(readFileSync(path), { columns: true, skip_empty_lines: true });
  return records.map((record, index) => {
    const parsed = line.safeParse(record);
    if (parsed.success) return parsed.data;
    throw new Error(`${path}, line ${index + 2}: ${z.prettifyError(parsed.error)}`);
  });
}

/** What must have become of the input when everything has ended, counted from the lines alone. */
export function expectedCounts(lines: DemoLine[]) {
  const having = (action: DemoLine['action']) => lines.filter((one) => one.action === action).length;
  const [paid, cancelled, extended] = [having('pay'), having('cancel'), having('extend')];
  const expired = having('') + extended;
  // Each event is told to the payer and to the payee.
  const notified = 2 * (lines.length + paid + cancelled + extended + expired);
  return { posted: lines.length, paid, cancelled, extended, expired, notified };
}
export type DemoCounts = ReturnType<typeof expectedCounts>;
