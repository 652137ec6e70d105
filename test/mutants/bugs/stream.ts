import type { Mutant } from '../mutants';

/** About events: the relay and its consumers. */
export const stream: Mutant[] = [
  {
    name: 'the relay gives serial numbers as positions',
    file: 'src/events/relay.ts',
    find: 'set position = moved_head.before + batch.place',
    replace: 'set position = outbox.seq',
    tests: ['test/events/relay.test.ts'],
  },
  {
    name: 'relays do not take turns',
    file: 'src/events/relay.ts',
    find: 'select 1 from postdate.stream_head for update skip locked',
    replace: 'select 1 from postdate.stream_head',
    tests: ['test/events/relay.test.ts'],
  },
  {
    name: 'a consumer passes an event that it could not handle',
    file: 'src/events/handle-round.ts',
    find: 'rows[handled.done - 1]?.position',
    replace: 'rows.at(-1)?.position',
    tests: ['test/events/consumer.test.ts'],
  },
  {
    name: 'a consumer keeps half an effect',
    file: 'src/events/handle-event.ts',
    find: "await tx.query('rollback to savepoint event').catch(() => Promise.reject(thrown));",
    replace: '',
    tests: ['test/events/consumer.test.ts'],
  },
  {
    name: 'a consumer makes its effect outside the transaction that moves its position',
    file: 'src/events/handle-round.ts',
    find: 'handlePartition(tx, listener, where.partition, limit, where)',
    replace:
      'handlePartition(tx, { ...listener, handle: (_tx, one) => listener.handle(pool as never, one) }, where.partition, limit, where)',
    tests: ['test/events/consumer.test.ts'],
  },
  {
    name: 'two processes of one consumer do not take turns',
    file: 'src/events/partitions.ts',
    find: '        for update skip locked`',
    replace: '`',
    tests: ['test/events/consumer.test.ts'],
  },
  {
    name: 'a position that no relay gave leads a reader past what comes',
    file: 'src/events/stream.ts',
    find: 'and position <= (select position from postdate.stream_head)',
    replace: '',
    tests: ['test/events/relay.test.ts'],
  },
  {
    name: 'a position that no relay gave stops the relay',
    file: 'src/events/relay.ts',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is source text
    find: 'relayed_at = null where ${BEYOND_HEAD}',
    replace: 'relayed_at = null where false',
    tests: ['test/events/relay.test.ts'],
  },
  {
    name: 'a consumer that is divided anew forgets what its former partitions have handled',
    file: 'src/events/partition-change.ts',
    find: 'positions.some((position) => position > from)',
    replace: 'positions.length < 0',
    tests: ['test/events/consumers/partitions.test.ts', 'test/events/consumers/swarm.test.ts'],
  },
  {
    name: 'a consumer that is divided anew goes on where the first of its former partitions was',
    file: 'src/events/partition-change.ts',
    find: 'Math.min(...positions)',
    replace: 'Math.max(...positions)',
    tests: ['test/events/consumers/partitions.test.ts', 'test/events/consumers/swarm.test.ts'],
  },
  {
    name: 'retention removes what one partition of a listener has still to read',
    file: 'src/maintenance/event-needs.ts',
    find: "from: 'postdate.consumer as reader'",
    replace: "from: '(select max(position) as position from postdate.consumer) as reader'",
    tests: ['test/events/consumers/partitions.test.ts'],
  },
  {
    name: 'a consumer handles an event behind one that is set aside of its entity',
    file: 'src/events/handle-one-by-one.ts',
    find: 'reason: error.message });\n    firstOf.set(refused.entity, position);',
    replace: 'reason: error.message });',
    tests: ['test/events/consumers/failures.test.ts'],
  },
  {
    name: 'an outage has a consumer set aside all its events',
    file: 'src/events/handle-one-by-one.ts',
    find: 'failures + 1 < (tries ?? 0)',
    replace: 'failures < 0',
    tests: ['test/events/consumers/failures.test.ts'],
  },
  {
    name: 'a consumer calls its listener again and again with an event at which it hangs',
    file: 'src/events/handle-one-by-one.ts',
    find: 'brokenAt?.position === position',
    replace: 'brokenAt?.position === -1',
    tests: ['test/events/consumers/failures.test.ts'],
  },
  {
    name: 'a round that moves on and stops waits for the one that divides its listener',
    file: 'src/events/handle-round.ts',
    find: '  await recordFailure(tx, partition, { position: at, reason: error.message, pauseS, moveTo: position });',
    replace:
      '  await moveOn(tx, partition, position, { stillFails });\n  await recordFailure(tx, { ...partition, position }, { position: at, reason: error.message, pauseS });',
    tests: ['test/events/consumers/partitions.test.ts'],
  },
  {
    name: 'a loop rests while a transaction is open that wrote before it asked for a hint',
    file: 'src/platform/database/resting-loop.ts',
    find: "if (seen.settled) state = 'resting';",
    replace: "if (seen) state = 'resting';",
    tests: ['test/platform/database/resting-loop.test.ts'],
  },
  {
    name: 'writers go on to notify a loop that is awake',
    file: 'src/platform/database/resting-loop.ts',
    find: 'void askFor(0).catch(() => undefined);',
    replace: '',
    tests: ['test/platform/database/resting-loop.test.ts'],
  },
  {
    name: 'a loop rests where no notification arrives',
    file: 'src/platform/database/hints.ts',
    find: 'session?.arrives === true',
    replace: 'session !== undefined',
    tests: ['test/platform/database/resting-loop.test.ts'],
  },
];
