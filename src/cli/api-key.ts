import type { Command } from 'commander';
import { createApiKey, revokeApiKey } from '../http/keys';
import { migrate, postdateSchema } from '../migrate';
import { print, run, withPool } from './connections';

export function addApiKey(program: Command): void {
  const apiKey = program.command('api-key').description('keys for the HTTP API');
  apiKey
    .command('create')
    .description('make a key and print it, this once')
    .requiredOption('--tenant <tenant>', "the tenant that it sees and touches; '*' for an operator's, which sees all")
    .requiredOption('--label <text>', 'what it is for')
    .action((options: { tenant: string; label: string }) =>
      run(
        withPool(async (pool) => {
          // The first key may be made before anything has run.
          await migrate(pool, postdateSchema);
          const { id, key } = await createApiKey(pool, options);
          process.stderr.write(`key ${id}; take it back with: postdate api-key revoke ${id}\n`);
          print(key);
          return 0;
        }),
      ),
    );
  apiKey
    .command('revoke <id>')
    .description('have a key refused from now on; exit code 1 if there is none of this id in use')
    .action((id: string) => run(withPool(async (pool) => ((await revokeApiKey(pool, id)) ? 0 : 1))));
  apiKey
    .command('list')
    .description('which keys there are, without their secrets')
    .action(() =>
      run(
        withPool(async (pool) => {
          const { rows } = await pool.query('select * from postdate.api_key order by created_at');
          for (const { id, tenant, label, created_at, revoked_at } of rows) {
            const until = revoked_at ? `, revoked ${revoked_at.toISOString()}` : '';
            print(`${id}  ${tenant}  ${label}  made ${created_at.toISOString()}${until}`);
          }
          return 0;
        }),
      ),
    );
}
