/** How many commands a tenant has dispatched when its place in the order comes, for tenants with more than one. */
export type TenantWeights = Record<string, number>;

export const weightOf = (weights: TenantWeights, tenant: string): number =>
  Object.hasOwn(weights, tenant) ? (weights[tenant] as number) : 1;

/** The tenant that was last given places, and how many of its turn are left to it. */
export interface Turn {
  tenant: string;
  left: number;
}

/**
 * Divides `places` among tenants, in their order and by their weights, in as many rounds as it takes. The first tenant
 * goes on with its `turn` if it is the one that was cut off. No tenant gets more than its `room`. Tenants that get
 * nothing are left out.
 */
export function divide(
  tenants: string[],
  places: number,
  { weights, room, turn }: { weights: TenantWeights; room(tenant: string): number; turn: Turn },
): { shares: Map<string, number>; turn: Turn } {
  const shares = new Map<string, number>();
  let present = turn;
  let left = places;
  let owed = turn.left;
  for (let given = -1; left > 0 && given !== left; ) {
    given = left;
    for (const tenant of tenants) {
      const has = shares.get(tenant) ?? 0;
      const wanted = Math.min(
        owed > 0 && tenant === turn.tenant ? owed : weightOf(weights, tenant),
        room(tenant) - has,
      );
      owed = 0;
      const more = Math.min(wanted, left);
      if (more <= 0) continue;
      shares.set(tenant, has + more);
      left -= more;
      present = { tenant, left: wanted - more };
    }
  }
  return { shares, turn: present };
}

const ONE = /^([A-Za-z0-9._-]+)=(\d{1,3})$/;

/** Parses text like `acme=3,globex=2`. Throws an error that says what is wrong. */
export function tenantWeightsIn(text: string): TenantWeights {
  const all = text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
  return Object.fromEntries(
    all.map((one) => {
      const [, tenant, weight] = ONE.exec(one) ?? [];
      if (!tenant || Number(weight) < 1 || Number(weight) > 100) {
        throw new Error(`${one}: must be a tenant and a whole number from 1 to 100, like acme=3`);
      }
      return [tenant, Number(weight)];
    }),
  );
}
