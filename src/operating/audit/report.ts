import type { verifyDays } from '../../delivery/ledger/seals';
import type { Audit } from './audit';
import { PARTS } from './conservation';

const COLUMNS = ['posted', ...PARTS, 'gap'] as const;
// Per kind: the first few show what is wrong, and the JSON has all of them.
const SHOWN_IDS = 20;

/** Formats an audit as lines for people: the cycles of each topic and tenant, then the differences by kind and id. */
export function formatAudit({ at, sound, topics, differences }: Audit): string {
  const lines = [`audit as of ${at}`];
  for (const { topic, tenants } of topics) {
    lines.push('', topic, row('tenant', [...COLUMNS]));
    for (const one of tenants)
      lines.push(
        row(
          one.tenant,
          COLUMNS.map((column) => String(one[column])),
        ),
      );
    const total = (column: (typeof COLUMNS)[number]) => tenants.reduce((sum, one) => sum + one[column], 0);
    if (tenants.length > 1)
      lines.push(
        row(
          'in all',
          COLUMNS.map((column) => String(total(column))),
        ),
      );
  }
  for (const kind of new Set(differences.map((difference) => difference.kind))) {
    const found = differences.filter((difference) => difference.kind === kind);
    lines.push('', `${kind}: ${found.length}`);
    for (const { topic, id } of found.slice(0, SHOWN_IDS)) lines.push(`  ${topic}  ${id}`);
    if (found.length > SHOWN_IDS) lines.push(`  and ${found.length - SHOWN_IDS} more`);
  }
  lines.push('', sound ? 'nothing is missing, and nothing disagrees' : 'NOT SOUND');
  return lines.join('\n');
}

/** Formats the verification of the ledger's seals as lines for people. */
export function formatVerification({ days, removed, broken }: Awaited<ReturnType<typeof verifyDays>>): string {
  const lines = broken.map(
    ({ day, sealed, found }) =>
      `${day}: sealed with ${sealed.decisions} decisions, ${sealed.hash}; found ${found.decisions}, ${found.hash}`,
  );
  return [
    ...lines,
    `${days} days sealed, ${removed} of them removed for their age, ${broken.length} changed since`,
  ].join('\n');
}

const row = (first: string, values: string[]): string =>
  first.padEnd(24) + values.map((value) => value.padStart(11)).join('');
