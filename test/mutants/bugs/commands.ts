// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are pieces of source code

import type { Mutant } from '../mutants';

/** About migrations beside work, and about commands on their way to Temporal. */
export const commands: Mutant[] = [
  {
    name: 'a migration waits for its locks without a limit',
    file: 'src/platform/database/migration-attempts.ts',
    find: '    await sql`set local lock_timeout = ${sql.lit(LOCK_TIMEOUT_MS)}`.execute(db);\n',
    replace: '',
    tests: ['test/platform/database/migration-locks.test.ts'],
  },
  {
    name: 'a migration ends at the first lock that it does not get',
    file: 'src/platform/database/migration-attempts.ts',
    find: "const BLOCKED = ['55P03', '40P01'];",
    replace: "const BLOCKED = ['40P01'];",
    tests: ['test/platform/database/migrate.test.ts'],
  },
];
