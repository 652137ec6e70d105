/** How many commands a tenant has dispatched when its place in the order comes, for tenants with more than one. */
export type TenantWeights = Record<string, number>;

export const weightOf = (weights: TenantWeights, tenant: string): number =>
  Object.hasOwn(weights, tenant) ? (weights[tenant] as number) : 1;

/**
 * Divides `places` among tenants, in their order and by their weights, in as many rounds as it takes. No tenant gets
 * more than its `room`. Tenants that get nothing are left out.
 */
export function divide(
  tenants: string[],
  places: number,
  { weights, room }: { weights: TenantWeights; room(tenant: string): number },
): Map<string, number> {
  const shares = new Map<string, number>();
  let left = places;
  for (let given = -1; left > 0 && given !== left; ) {
    given = left;
    for (const tenant of tenants) {
      const has = shares.get(tenant) ?? 0;
      const more = Math.min(weightOf(weights, tenant), room(tenant) - has, left);
      if (more <= 0) continue;
      shares.set(tenant, has + more);
      left -= more;
    }
  }
  return shares;
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
