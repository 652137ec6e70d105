import type { Pool } from 'pg';
import { findRefused } from '../../events/refused-commands';
import type { Topic } from '../../topics/topic';
import { type Check, type Found, ok, warn } from './finding';

const COUNTED = 100;

export const COMMAND_CHECKS = ['commands'];

/** Checks that no command posted in SQL has been refused without being posted again. */
export const commandChecks = (pool: Pool, topics: Topic[]): Check[] => [
  { name: 'commands', run: () => checkRefused(pool, topics) },
];

async function checkRefused(pool: Pool, topics: Topic[]): Promise<Found> {
  const found = await Promise.all(topics.map(({ name }) => findRefused(pool, { topic: name }, COUNTED)));
  const [newest] = found.flat().sort((one, other) => other.refusedAt.localeCompare(one.refusedAt));
  if (!newest) return ok('none is refused');
  const count = found.flat().length;
  const many = found.some((ofTopic) => ofTopic.length === COUNTED) ? `${count} or more` : count;
  const { refusedAt, topic, tenant, key, code, field } = newest;
  const says = `${many} refused, the last one ${refusedAt}: ${topic} ${tenant}/${key}, ${code}, ${field}`;
  return warn(says, 'postdate refused lists them; post them again, corrected');
}
