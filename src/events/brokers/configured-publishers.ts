import type { Publisher } from './publisher';
import type { StreamSettings } from './settings';

/** The brokers that the configuration names, not connected yet. */
export const publishersOf = ({ streams: { nats, kafka } }: { streams: StreamSettings }): Publisher[] => [
  ...(nats ? [load<typeof import('./nats')>('./nats').natsPublisher(nats)] : []),
  ...(kafka ? [load<typeof import('./kafka')>('./kafka').kafkaPublisher(kafka)] : []),
];

// Only the configured clients are loaded: both would cost a worker without brokers 17 MB.
const load = <Module>(path: string): Module => require(path);
