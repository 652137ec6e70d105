import type { Command } from 'commander';
import { verifyDays } from '../delivery/ledger/seals';
import { runAudit } from '../operating/audit/audit';
import { formatAudit, formatVerification } from '../operating/audit/report';
import type { Topic } from '../topics/topic';
import { withPool } from './connections';
import { run } from './exit';
import { withExample } from './options';
import { print, printJson } from './output';
import { withProgress } from './progress';

export const addAudit = (program: Command, topics: Topic[]) =>
  withExample(
    program
      .command('audit')
      .description('compare business rows, ledger, events and stream in one snapshot; exit code 1 if they disagree')
      .option('--verify', 'compare every sealed day of the ledger with its seal instead'),
    'audit --verify',
    'everything, for other programs',
  ).action((options: { json?: boolean; verify?: boolean }) =>
    run(
      withPool(async (pool) => {
        if (options.verify) {
          const verified = await withProgress(options, (progress) => verifyDays(pool, progress));
          if (options.json) printJson(verified);
          else print(formatVerification(verified));
          return verified.broken.length > 0 ? 1 : 0;
        }
        const audited = await withProgress(options, (progress) => runAudit(pool, topics, progress));
        if (options.json) printJson(audited);
        else print(formatAudit(audited));
        return audited.sound ? 0 : 1;
      }),
    ),
  );
