import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endProcess } from '../../local/processes';
import type { Publisher } from '../../src/events/brokers/publisher';
import type { PostdateEvent } from '../../src/events/outbox';
import { kafkaPlace } from './kafka';
import { natsPlace } from './nats';

/** What a broker has stored of an event. */
export interface Stored {
  /** By which the broker, or its listeners, know a repeat. */
  id: string;
  /** Where its order is kept: all that a listener of one message reads. */
  lane: string;
  headers: Record<string, string>;
  event: PostdateEvent;
}

/** A running server's process, and where events go on it: a stream of NATS, a topic of Kafka. */
export interface Place {
  name: string;
  /** Why it cannot be had, if it cannot. */
  absent?: string;
  /** On a port, and with what it has stored, that stay the same. */
  launch(folder: string): Promise<{ pid: number; stop(): Promise<void> }>;
  publisher(): Publisher;
  /** All of it, each lane in its order. */
  stored(): Promise<Stored[]>;
  /** The largest event that it takes from now on. */
  limit(bytes: number): Promise<void>;
  /** The next test has a place of its own. */
  renew(): Promise<void>;
}

export const places: Place[] = [natsPlace(), kafkaPlace()];

export interface TestBroker extends Pick<Place, 'stored' | 'limit'> {
  /** A publisher as a worker's process has one; closed after the test. */
  publisher(): Publisher;
  start(): Promise<void>;
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
  kill(): Promise<void>;
}

/** The place's server, running at the start of each test; a test that kills it may leave it so. */
export function useBroker(place: Place): TestBroker {
  let folder: string;
  let server: { pid: number; stop(): Promise<void> } | undefined;
  const publishers: Publisher[] = [];
  const broker: TestBroker = {
    stored: place.stored,
    limit: place.limit,
    publisher() {
      const publisher = place.publisher();
      publishers.push(publisher);
      return publisher;
    },
    async start() {
      server ??= await place.launch(folder);
    },
    signal: (signal) => void (server && process.kill(server.pid, signal)),
    async kill() {
      const { pid } = server as { pid: number };
      server = undefined;
      await endProcess(pid, [['SIGKILL', 10_000]]);
    },
  };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'postdate-broker-'));
  });
  beforeEach(async () => {
    await broker.start();
    await place.renew();
  });
  afterEach(async () => {
    // A test that failed may have left it stopped: neither it nor who is connected to it would ever end.
    broker.signal('SIGCONT');
    await Promise.all(publishers.splice(0).map((publisher) => publisher.close()));
  });
  afterAll(async () => {
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });
  return broker;
}
