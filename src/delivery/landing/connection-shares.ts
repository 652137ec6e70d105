/**
 * How many of a worker's connections landings may use at a time, and one topic of those. The others are for heartbeats, the
 * record of the hold, cancels and background loops: a worker whose heartbeats wait is taken for dead.
 */
export const connectionShares = ({ connections, transactions }: { connections: number; transactions: number }) => ({
  // One more than a topic has, so that a slow topic leaves one.
  groups: { permits: Math.max(transactions + 1, Math.floor(connections * 0.4)), each: transactions },
  // Beside the groups, so that messages that hang hold up each other at most, and not those of other topics.
  alone: { permits: Math.max(2, Math.floor(connections * 0.3)), each: 3 },
});
