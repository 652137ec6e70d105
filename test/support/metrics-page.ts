import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface DocumentedMetric {
  name: string;
  type: string;
  unit: string;
  labels: string[];
  over: string;
  meaning: string;
}

const PAGE = join(__dirname, '..', '..', 'docs', 'metrics.md');

/** The one table of docs/metrics.md. */
export function documentedMetrics(page = readFileSync(PAGE, 'utf8')): DocumentedMetric[] {
  const rows = page.split('\n').filter((line) => /^\| `[a-z_]+` \| (counter|gauge|histogram) \|/.test(line));
  return rows.map((row) => {
    const [name = '', type = '', unit = '', labels = '', over = '', meaning = ''] = row
      .slice(1, -1)
      .split(' |')
      .map((cell) => cell.trim());
    return { name: name.replaceAll('`', ''), type, unit, labels: labels.match(/\w+/g) ?? [], over, meaning };
  });
}

export const isOurs = ({ name }: Pick<DocumentedMetric, 'name'>): boolean => name.startsWith('postdate_');
