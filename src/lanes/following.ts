import type { Pool } from 'pg';
import { type BackgroundLoop, runInBackground } from '../background-loop';
import type { Delivery } from '../contract';
import { STABLE } from '../lane-name';
import type { Topic } from '../topic';
import { emptyBoard, type LaneBoard, readBoards } from './board';
import { chooseLane, type LaneChoice } from './choose';

// As often as workers say that they are at work.
const READ_MS = 500;

/** The lanes of a worker's topics as it knows them, and which one it serves. */
export interface Lanes {
  mine: string;
  board(topic: string): LaneBoard;
  /** Which lane a message takes by what this worker knows; what came back from a lane is stable's for good. */
  choose(delivery: Delivery): LaneChoice;
  /** Reads the boards; true if anything has changed since. */
  read(): Promise<boolean>;
}

export function createLanes(pool: Pool, topics: Pick<Topic, 'name'>[], mine = STABLE): Lanes {
  const names = topics.map(({ name }) => name);
  let boards = new Map(names.map((name) => [name, emptyBoard(name)]));
  const board = (topic: string) => boards.get(topic) ?? emptyBoard(topic);
  const look = (one: LaneBoard) => `${one.version} ${[...one.served].sort().join()}`;
  return {
    mine,
    board,
    choose({ message, cameBackFrom }) {
      if (cameBackFrom) return { lane: STABLE, reason: `${cameBackFrom} did not land it` };
      return chooseLane(board(message.topic), message, mine);
    },
    async read() {
      const read = await readBoards(pool, names);
      const changed = read.some((one) => look(one) !== look(board(one.topic)));
      boards = new Map(read.map((one) => [one.topic, one]));
      return changed;
    },
  };
}

/** Has a hold follow the lanes' rules: what it holds and is another's now goes there, where there is time. */
export const startFollowing = (
  lanes: Lanes,
  hold: { reroute(): void },
  { onError }: { onError(error: unknown): void },
): BackgroundLoop =>
  runInBackground(
    async () => {
      if (await lanes.read()) hold.reroute();
      return 'idle';
    },
    { pauseMs: READ_MS, onError },
  );
