/** With fewer, topics could not land side by side: two transactions of groups, two of single messages, and two for the rest. */
export const FEWEST_CONNECTIONS = 6;

/**
 * How many of a worker's connections landings may use at a time, and one topic of those. The others are for heartbeats, the
 * record of the hold, cancels and background loops: a worker whose heartbeats wait is taken for dead.
 */
export function connectionShares({ connections, transactions }: { connections: number; transactions: number }) {
  // Beside the groups, so that messages that hang hold up each other at most, and not those of other topics.
  const alone = Math.max(2, Math.floor(connections * 0.3));
  // One more than a topic has, so that a slow topic leaves one.
  const wanted = Math.max(transactions + 1, Math.floor(connections * 0.4));
  const groups = Math.max(2, Math.min(wanted, connections - alone - 2));
  return { groups: { permits: groups, each: transactions }, alone: { permits: alone, each: 3 } };
}
