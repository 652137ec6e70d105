import { type Kysely, sql } from 'kysely';

/**
 * A due time before the year 2000 is refused, because seconds that are taken for milliseconds are in 1970. A transaction
 * allows it by `set local postdate.due_before_2000 = on`. A cycle that a caller names leaves room for those that follow. The
 * functions that producers call are as they were.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const definition of [checkDueAt, checkCycle, revoke]) await definition.execute(db);
}

const checkDueAt = sql`
  create or replace function postdate.check_due_at(due_at timestamptz) returns void
  language plpgsql as $$
  begin
    if due_at is null or not isfinite(due_at) or due_at < timestamptz '0001-01-01 00:00:00+00' then
      perform postdate.refuse('invalidDueAt', 'dueAt', 'must be an instant from the year 1',
        'Neither null nor infinity is one.');
    end if;
    if due_at < timestamptz '2000-01-01 00:00:00+00'
      and current_setting('postdate.due_before_2000', true) is distinct from 'on' then
      perform postdate.refuse('dueAtTooEarly', 'dueAt', 'must not be before the year 2000',
        'Was it made of seconds instead of milliseconds? Else: set local postdate.due_before_2000 = on.');
    end if;
    if due_at > clock_timestamp() + make_interval(secs => 20 * 365.25 * 86400) then
      perform postdate.refuse('dueAtTooFar', 'dueAt', 'must be at most 20 years ahead',
        'Post it later, or have an earlier message post it.');
    end if;
  end $$`;

const checkCycle = sql`
  create or replace function postdate.check_cycle(cycle bigint, field text) returns void
  language plpgsql as $$
  declare
    -- one that is only compared may be any that there is
    largest bigint := case when field = 'expectedCycle' then 2147483647 else 2000000000 end;
  begin
    if cycle not between 1 and largest then
      perform postdate.refuse('invalidCycle', field, 'must be a whole number from 1 to ' || largest,
        'Leave it out, or count from 1.');
    end if;
  end $$`;

// They are not created anew, so they keep their rights. This says so for a database in which they were.
const revoke = sql`
  revoke execute on function postdate.check_due_at(timestamptz), postdate.check_cycle(bigint, text) from public`;
