import type { StreamedEvent } from '../consumer';

/** A broker, as the stream sees it. Its position is that of the consumer of its name. */
export interface Publisher {
  /** Its name among the consumers of the stream, and its label in logs and metrics. */
  name: string;
  /** Connects, unless it is connected. Rejects within seconds when the broker is away, or refuses us. */
  connect(): Promise<void>;
  /**
   * Resolves when the broker has said of every event that it is stored. When it rejects, any of them may be stored: they are
   * given again, and their ids tell that they are repeats. Events of one message are stored in the order given.
   */
  publish(events: StreamedEvent[]): Promise<void>;
  close(): Promise<void>;
}
