import type { Queryable } from '../../platform/database/pool';
import type { Turn } from './tenant-shares';
import { type CommandsWanted, firstOfMessages } from './waiting-commands';

// So many commands are looked at in a few ms. Of more, the tenants are found by steps from name to name.
const FEW_DUE_SOON = 1_000;

interface TenantsWanted extends CommandsWanted {
  full: string[];
  turn: Turn;
  limit: number;
}

/**
 * The next tenants that have a command to claim, in the order of their names: first the tenant whose turn has not
 * ended, then those after it. Those that are `full` are left out.
 */
export async function tenantsWithCommands(db: Queryable, wanted: TenantsWanted, few = FEW_DUE_SOON): Promise<string[]> {
  const { withinS } = wanted;
  const dueSoon = withinS === undefined ? undefined : await tenantsOfFew(db, { ...wanted, withinS }, few);
  return dueSoon ?? tenantsByName(db, wanted);
}

/** The same by the commands that are due so soon; undefined if those are more than `few`. */
async function tenantsOfFew(
  db: Queryable,
  { topics, withinS, full, turn, limit }: TenantsWanted & { withinS: number },
  few: number,
): Promise<string[] | undefined> {
  const { rows } = await db.query<{ tenants: string[] | null }>(
    `with soon as materialized (
       select tenant from postdate.dispatch_queue
        where due_at <= statement_timestamp() + make_interval(secs => $5::float8)
        order by due_at limit $7::integer + 1
     )
     select case when count(*) <= $7::integer then array (
              select tenant from (select distinct tenant from soon) as due
               where array_position($3::text[], tenant) is null
                 and exists (select 1 from ${firstOfMessages('due.tenant', '$4::text[]', '$5::float8')})
               order by tenant < $1 or (tenant = $1 and $2::integer = 0), tenant
               limit $6) end as tenants
       from soon`,
    [turn.tenant, turn.left, full, topics, withinS, limit, few],
  );
  return rows[0]?.tenants ?? undefined;
}

async function tenantsByName(db: Queryable, { topics, withinS, full, turn, limit }: TenantsWanted): Promise<string[]> {
  const next = async (comparison: '>' | '>=', from: string, to: string | null, atMost: number) => {
    const { rows } = await db.query<{ tenant: string }>(
      // From each tenant to the next by the index: one tenant's thousands of commands are one step.
      `with recursive tenants (tenant) as (
         select (select tenant from postdate.dispatch_queue where tenant ${comparison} $1 order by tenant limit 1)
         union all
         select (select queued.tenant from postdate.dispatch_queue as queued
                  where queued.tenant > tenants.tenant order by queued.tenant limit 1)
           from tenants where tenants.tenant < coalesce($2, tenants.tenant || 'x')
       )
       select tenant from tenants
        where tenant is not null and tenant <= coalesce($2, tenant) and array_position($3::text[], tenant) is null
          and exists (select 1 from ${firstOfMessages('tenants.tenant', '$4::text[]', '$5::float8')})
        limit $6`,
      [from, to, full, topics, withinS ?? null, atMost],
    );
    return rows.map(({ tenant }) => tenant);
  };
  const later = await next(turn.left > 0 ? '>=' : '>', turn.tenant, null, limit);
  if (later.length === limit || turn.tenant === '') return later;
  return [...new Set([...later, ...(await next('>', '', turn.tenant, limit - later.length))])];
}
