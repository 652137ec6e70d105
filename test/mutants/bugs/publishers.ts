import type { Mutant } from '../mutants';

const brokers = ['test/events/brokers/brokers.test.ts'];
const [setAside, nats] = ['test/events/brokers/set-aside.test.ts', 'test/events/brokers/nats.test.ts'];

/** About the stream's way to a broker. */
export const publishers: Mutant[] = [
  {
    name: 'publishers of one broker do not take turns',
    file: 'src/events/brokers/publish-batch.ts',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is source text
    find: 'if (!(await tryAdvisoryLock(tx, `publisher ${name}`))) return NOTHING;',
    replace: '',
    tests: brokers,
  },
  {
    name: 'a publisher does not wait for the acknowledgement',
    file: 'src/events/brokers/publish-rows.ts',
    find: 'await publisher.publish(toSend)',
    replace: '(publisher.publish(toSend).catch(() => undefined), [])',
    tests: brokers,
  },
  {
    name: 'a publisher moves its position from where a replay has set it',
    file: 'src/events/brokers/publish-batch.ts',
    find: 'where name = $1 and position = $2',
    replace: 'where name = $1 and $2::bigint is not null',
    tests: brokers,
  },
  {
    name: 'a publisher tells NATS no ids',
    file: 'src/events/brokers/nats.ts',
    find: 'msgID: event.id.replaceAll(/[\\r\\n]/g, encodeURIComponent),',
    replace: '',
    tests: brokers,
  },
  {
    name: 'a publisher takes the acknowledgement of any stream of NATS',
    file: 'src/events/brokers/nats.ts',
    find: 'expect: { streamName: stream },',
    replace: '',
    tests: ['test/events/brokers/nats.test.ts'],
  },
  {
    name: 'a publisher sends the events of one message to NATS at once',
    file: 'src/events/brokers/concurrent-batches.ts',
    find: 'seen.set(entity, batch + 1);',
    replace: '',
    tests: ['test/events/brokers/concurrent-batches.test.ts'],
  },
  {
    name: 'a publisher gives two tenants one subject of NATS',
    file: 'src/events/brokers/nats-subject.ts',
    find: "replaceAll('.', ':')",
    replace: "replaceAll('.', '-')",
    tests: ['test/events/brokers/nats-subject.test.ts'],
  },
  {
    name: 'a publisher spreads the events of one message over the partitions of Kafka',
    file: 'src/events/brokers/kafka-records.ts',
    find: 'key: event.subject,',
    replace: 'key: event.id + Math.random(),',
    tests: ['test/events/brokers/kafka.test.ts'],
  },
  {
    name: 'a publisher makes larger batches than Kafka takes',
    file: 'src/events/brokers/kafka-records.ts',
    find: 'const CHUNK_BYTES = 512 * 1024;',
    replace: 'const CHUNK_BYTES = 512 * 1024 * 1024;',
    tests: brokers,
  },
  {
    name: 'a later event of a message goes to a broker before one that it refuses',
    file: 'src/events/brokers/publish-rows.ts',
    find: 'held.set(entityOfRow(row), row.position);',
    replace: '',
    tests: [setAside],
  },
  {
    name: 'what comes later of a message goes to a broker although an earlier event is set aside',
    file: 'src/events/brokers/publish-batch.ts',
    find: 'publishRows(publisher, rows, firstOf)',
    replace: 'publishRows(publisher, rows)',
    tests: [setAside],
  },
  {
    name: 'an event goes while it is set aside',
    file: 'src/maintenance/event-needs.ts',
    find: 'aside.position = event.position and aside.ended_at is null',
    replace: 'false',
    tests: [setAside],
  },
  {
    name: 'an event that is too large for NATS counts as an outage',
    file: 'src/events/brokers/nats-refusal.ts',
    find: 'if (error instanceof errors.InvalidArgumentError ||',
    replace: 'if (',
    tests: [nats],
  },
  {
    name: 'a full stream of NATS counts as a refusal for good',
    file: 'src/events/brokers/nats-refusal.ts',
    find: '&& REFUSALS.includes(error.code)',
    replace: '',
    tests: [nats],
  },
  {
    name: 'an event is set aside in an outage, though the broker takes no other',
    file: 'src/events/brokers/publish-batch.ts',
    find: 'if (sent.length === 0) return undefined;',
    replace: '',
    tests: [setAside],
  },
  {
    name: 'an event that fails again holds up the stream',
    file: 'src/events/brokers/publish-batch.ts',
    find: 'await postpone(tx, name, rows, (failure as Error).message);',
    replace: 'throw failure;',
    tests: [setAside],
  },
];
