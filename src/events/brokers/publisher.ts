import type { StreamedEvent } from '../stream';

/** An event that the broker will never take as it is, and why: its size, its name. An outage is no such reason. */
export interface RefusedEvent {
  position: number;
  reason: string;
}

/** A broker as the publishing loop sees it. Its position is that of the stream's consumer of the same name. */
export interface Publisher {
  /** The name of its consumer, and its label in logs and metrics. */
  name: string;
  /** Connects, unless connected. Rejects within seconds if the broker is away or refuses the connection. */
  connect(): Promise<void>;
  /**
   * Resolves when the broker has acknowledged every event as stored, but for those that it refuses, which are returned, and
   * the later ones of their messages, which were not sent. After a rejection any of them may be stored. The loop gives them
   * again; consumers recognise repeats by their ids. Events of one message are stored in the order given.
   */
  publish(events: StreamedEvent[]): Promise<RefusedEvent[]>;
  close(): Promise<void>;
}
