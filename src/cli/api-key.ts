import type { Command } from 'commander';
import { createApiKey, revokeApiKey } from '../http/keys';
import { migrate, postdateSchema } from '../platform/database/migrate';
import { printWaiting, withPool } from './connections';
import { run } from './exit';
import { withExample } from './options';
import { print, printJson } from './output';

export function addApiKey(program: Command): void {
  const apiKey = withExample(
    program.command('api-key').description('keys for the HTTP API: create, revoke, list'),
    'api-key list',
  );
  const wantsJson = () => apiKey.opts<{ json?: boolean }>().json;
  apiKey
    .command('create')
    .description('make a key and print it, this once')
    .requiredOption('--tenant <tenant>', "the tenant that it sees and touches; '*' for an operator's, which sees all")
    .requiredOption('--label <text>', 'what it is for')
    .action((options: { tenant: string; label: string }) =>
      run(
        withPool(async (pool) => {
          // The first key may be created before any worker has run.
          await migrate(pool, postdateSchema, { onWaiting: printWaiting });
          const created = await createApiKey(pool, options);
          process.stderr.write(`key ${created.id}; take it back with: postdate api-key revoke ${created.id}\n`);
          if (wantsJson()) printJson(created);
          else print(created.key);
          return 0;
        }),
      ),
    );
  apiKey
    .command('revoke <id>')
    .description('have a key refused from now on; exit code 1 if there is none of this id in use')
    .action((id: string) =>
      run(
        withPool(async (pool) => {
          const revoked = await revokeApiKey(pool, id);
          if (wantsJson()) printJson({ id, revoked });
          return revoked ? 0 : 1;
        }),
      ),
    );
  apiKey
    .command('list')
    .description('which keys there are, without their secrets')
    .action(() =>
      run(
        withPool(async (pool) => {
          const { rows } = await pool.query<KeyRow>(
            'select id, tenant, label, created_at, revoked_at from postdate.api_key order by created_at',
          );
          if (wantsJson()) printJson(rows);
          else for (const row of rows) print(lineOf(row));
          return 0;
        }),
      ),
    );
}

interface KeyRow {
  id: string;
  tenant: string;
  label: string;
  created_at: Date;
  revoked_at: Date | null;
}

const lineOf = ({ id, tenant, label, created_at, revoked_at }: KeyRow): string =>
  `${id}  ${tenant}  ${label}  made ${created_at.toISOString()}${revoked_at ? `, revoked ${revoked_at.toISOString()}` : ''}`;
