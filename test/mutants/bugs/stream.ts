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
    file: 'src/events/consumer.ts',
    find: 'next[handled - 1]',
    replace: 'next.at(-1)',
    tests: ['test/events/consumer.test.ts'],
  },
  {
    name: 'a consumer keeps half an effect',
    file: 'src/events/handle-rows.ts',
    find: "await tx.query('rollback to savepoint event').catch(() => Promise.reject(thrown));",
    replace: '',
    tests: ['test/events/consumer.test.ts'],
  },
  {
    name: 'a consumer makes its effect outside the transaction that moves its position',
    file: 'src/events/consumer.ts',
    find: 'handleRows(tx, { name, handle }, next)',
    replace: 'handleRows(tx, { name, handle: (_tx, streamed) => handle(pool as never, streamed) }, next)',
    tests: ['test/events/consumer.test.ts'],
  },
  {
    name: 'two processes of one consumer do not take turns',
    file: 'src/events/consumer.ts',
    find: '          for update skip locked`',
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
    find: 'where id in (${BEYOND_HEAD})',
    replace: 'where false',
    tests: ['test/events/relay.test.ts'],
  },
];
