import type { Delivery, InLane } from '../contract';
import type { Decision } from '../decision';
import type { Landing } from '../landing/landing';
import type { Result } from '../landing/result-pacer';
import type { Topic } from '../topic';

/** An attempt of an activity, which waits for its delivery to land, or to be another lane's. */
export interface Attempt extends Omit<Result, 'report'> {
  resolve(answer: Decision | InLane): void;
  reject(error: unknown): void;
}

/** Told what became of a delivery that no attempt waits for. */
export type Heard = (delivery: Delivery, landing: Landing) => void;

/** A delivery in a worker's memory. */
export interface Entry {
  topic: Topic;
  delivery: Delivery;
  attempts: Attempt[];
  heldWhenDue: boolean;
  heard?: Heard;
  /** Waiting for its due time; with the landing; or on its way to another lane. */
  state: 'held' | 'landing' | 'leaving';
}

export const entryOf = (
  topic: Topic,
  delivery: Delivery,
  { attempts = [], ...fields }: { attempts?: Attempt[] } & Pick<Entry, 'heldWhenDue' | 'heard'>,
): Entry => ({ topic, delivery, attempts, state: 'held', ...fields });
