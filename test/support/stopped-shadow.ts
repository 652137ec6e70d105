import { inNoCommitTransaction } from '../../src/delivery/lanes/shadow/no-commit-transaction';
import { createPool } from '../../src/platform/database/pool';

// A shadow's process that locks a thing on the shelf in its trial, says so, and is then stopped by the test.
const [key] = process.argv.slice(2);
const pool = () => createPool(process.env.DATABASE_URL as string, { connections: 1, onError: () => undefined });
void inNoCommitTransaction({ trials: pool(), pool: pool(), onError: () => undefined }, async (tx) => {
  await tx.query(`update shelf.thing set state = 'tried' where id = $1`, [key]);
  process.stdout.write('it is locked\n');
  return new Promise(() => undefined);
}).catch(() => undefined);
