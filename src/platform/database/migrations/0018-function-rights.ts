import { type Kysely, sql } from 'kysely';

/**
 * The right to use the schema is no right to call its functions any more. PostgreSQL lets every role call a new function,
 * and those that post and answer run as their owner. A later migration that creates a function takes it from `public` too.
 * Default privileges take nothing from `public` in one schema alone, and in all they would hide the application's own
 * functions: its role may be the owner.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`revoke execute on all functions in schema postdate from public`.execute(db);
  await keepForWorkers.execute(db);
}

// Workers and APIs of the release before run on meanwhile, and call these functions. The right to insert into the ledger
// tells their role from others. A group comes before its members, which then have the rights through the group:
// pg_write_all_data is one as well.
const keepForWorkers = sql`
  do $$
  declare worker regrole;
  begin
    for worker in
      select oid from pg_roles where has_table_privilege(oid, 'postdate.delivery', 'insert') order by rolcanlogin, oid
    loop
      continue when has_function_privilege(worker, 'postdate.hold_lanes(text)', 'execute');
      execute format('grant execute on function postdate.schedule, postdate.cancel, postdate.move, postdate.answer,
        postdate.hold_lanes, postdate.change_lanes to %s', worker);
      execute format('alter default privileges in schema postdate grant execute on functions to %s', worker);
    end loop;
  end $$`;
