import type { Mutant } from '../mutants';

const file = 'src/platform/database/migrations/0018-function-rights.ts';
const [matrix, upgrade] = ['test/app/database-rights.test.ts', 'test/platform/database/function-rights.test.ts'];

/** About which roles of the database may call what. */
export const rights: Mutant[] = [
  {
    name: 'every role may call the functions',
    file,
    find: 'sql`revoke execute on all functions in schema postdate from public`',
    replace: 'sql`select 1`',
    tests: [matrix, upgrade],
  },
  {
    name: 'a migration forgets to take its function from every role',
    file,
    find: '  await keepForWorkers.execute(db);',
    replace: "    await sql`create function postdate.late() returns int language sql as 'select 1'`.execute(db);",
    tests: [matrix],
  },
  {
    name: 'the workers of an installation that exists may not land in a lane any more',
    file,
    find: '        postdate.hold_lanes, postdate.change_lanes to',
    replace: '        postdate.change_lanes to',
    tests: [upgrade],
  },
  {
    name: 'workers may not call the functions of a later release',
    file,
    find: "execute format('alter default privileges in schema postdate grant execute on functions to %s', worker);",
    replace: '',
    tests: [upgrade],
  },
];
