import type { StreamedEvent } from '../consumer';

/** A broker as the publishing loop sees it. Its position is that of the stream's consumer of the same name. */
export interface Publisher {
  /** The name of its consumer, and its label in logs and metrics. */
  name: string;
  /** Connects, unless connected. Rejects within seconds if the broker is away or refuses the connection. */
  connect(): Promise<void>;
  /**
   * Resolves when the broker has acknowledged every event as stored. After a rejection any of them may be stored. The
   * loop gives them again; consumers recognise repeats by their ids. Events of one message are stored in the order
   * given.
   */
  publish(events: StreamedEvent[]): Promise<void>;
  close(): Promise<void>;
}
