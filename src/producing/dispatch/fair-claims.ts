import type { Queryable } from '../../platform/database/pool';
import { claimCommands, type QueuedCommand } from './command-queue';
import { divide, type TenantWeights, type Turn } from './tenant-shares';
import { tenantsWithCommands } from './tenants-with-commands';

// What is due within this time goes before what is due later, whoever posted it. A command is in Temporal within a
// second, and its message needs its lead.
const SOON_S = 60;
// Finding out that no command is due soon takes a step for each tenant that waits, and at most a tenth of the time.
const LOOK_PAUSE = 9;
// One place in so many is for commands in order of tenants alone: those due soon must not stop the others for ever.
const SOON_PLACES = 5;
// A command may wait ten seconds for a worker to answer it. Such commands must not block all others.
const AT_A_TIME = 100;
const TENANT_AT_A_TIME = AT_A_TIME / 2;
// So many commands of a tenant find a place even if other tenants' commands have taken all.
const ALWAYS_FOR_TENANT = 5;
const MOST_AT_A_TIME = 5 * AT_A_TIME;

// Before all tenants.
const NOBODY: Turn = { tenant: '', left: 0 };

/**
 * Claims commands by tenants in turn, of each as many as its weight says, and of each tenant those first that are due
 * first. Counts the commands that each tenant has in Temporal's hands.
 */
export function createFairClaims(
  db: Queryable,
  worker: string,
  { topics, weights }: { topics: string[]; weights: TenantWeights },
) {
  const inHand = new Map<string, number>();
  // Whose turn it is, in each of the two orders.
  const turns: Record<'soon' | 'all', Turn> = { soon: NOBODY, all: NOBODY };
  let claims = 0;
  let lookForSoonAt = 0;

  const count = ({ tenant }: QueuedCommand, more: 1 | -1) => {
    const commands = (inHand.get(tenant) ?? 0) + more;
    if (commands > 0) inHand.set(tenant, commands);
    else inHand.delete(tenant);
  };
  const total = () => [...inHand.values()].reduce((sum, commands) => sum + commands, 0);

  async function claimIn(order: keyof typeof turns, places: number): Promise<QueuedCommand[]> {
    if (places <= 0 || (order === 'soon' && performance.now() < lookForSoonAt)) return [];
    const most = total() < AT_A_TIME ? TENANT_AT_A_TIME : ALWAYS_FOR_TENANT;
    const room = (tenant: string) => most - (inHand.get(tenant) ?? 0);
    const which = { topics, withinS: order === 'soon' ? SOON_S : undefined };
    const full = [...inHand.keys()].filter((tenant) => room(tenant) <= 0);
    const startedAt = performance.now();
    const tenants = await tenantsWithCommands(db, { ...which, full, turn: turns[order], limit: places });
    if (order === 'soon' && tenants.length === 0) {
      const now = performance.now();
      lookForSoonAt = now + LOOK_PAUSE * (now - startedAt);
    }
    const { shares, turn } = divide(tenants, places, { weights, room, turn: turns[order] });
    turns[order] = turn;
    const claimed = shares.size > 0 ? await claimCommands(db, worker, { ...which, shares }) : [];
    for (const command of claimed) count(command, 1);
    return claimed;
  }

  return {
    /** Claims at most `limit` commands. */
    async claim(limit: number): Promise<QueuedCommand[]> {
      const inHands = total();
      const places = Math.min(limit, (inHands < AT_A_TIME ? AT_A_TIME : MOST_AT_A_TIME) - inHands);
      claims += 1;
      // With too few places for a part of them, all are for the second order in every fifth claim.
      const spared = places < SOON_PLACES && claims % SOON_PLACES === 0 ? places : Math.floor(places / SOON_PLACES);
      const soon = await claimIn('soon', places - spared);
      try {
        return [...soon, ...(await claimIn('all', places - soon.length))];
      } catch (error) {
        // What has been claimed must be dispatched. The next claim meets the error again.
        if (soon.length > 0) return soon;
        throw error;
      }
    },
    /** The command is in nobody's hands any more. */
    release: (command: QueuedCommand) => count(command, -1),
    inHands: total,
  };
}
