import type { Logger } from 'pino';
import { startShadow } from '../delivery/lanes/shadow/shadow';
import { STABLE } from '../message/lane-name';
import { ConfigError } from '../platform/config-error';
import type { Topic } from '../topics/topic';
import { handlerTimeoutMsOf } from '../topics/topic-limits';
import type { Config } from './config';
import type { Installation } from './installation';
import { migrateSchemas } from './migrate-schemas';
import { openWorker } from './open-worker';
import type { RunningWorker } from './run-process';
import { startHold } from './start-hold';
import { createDeliveryWorkers, runToEnd, shutDown } from './temporal-workers';

// If a handler on trial hangs, the lane gives up after this time and stable lands the message. It is a little shorter
// than stable's own wait, so that the lane reports the reason.
const LANE_HANDLER_TIMEOUT_MS = 1_500;

/**
 * The composition root of a worker that serves a lane on trial. It lands the messages that the topics' rules send
 * there, and nothing else: workflows, sweep, relay and other shared work belong to stable. Resolves when everything
 * polls, or if it is told to stop before. Throws, with all connections closed, if the database cannot be reached, or if
 * waiting cannot cure the error.
 */
export async function startLaneWorker(
  config: Config,
  parts: Installation,
  log: Logger,
  stopping: AbortSignal = new AbortController().signal,
): Promise<RunningWorker> {
  const topics = topicsOnTrial(config, parts);
  const { shared, over, background, connect, close } = openWorker(config, topics, log);
  const { client, pool, onError } = shared;
  const { databaseUrl, lane, build } = config;
  try {
    // It may be the first worker of its release.
    await migrateSchemas(pool, parts, { log, signal: stopping });
    const { hold, commandsFirst, loops } = await startHold(config, topics, { ...shared, signal: over.signal });
    const shadow = startShadow({ pool, databaseUrl, build, onError: onError('shadow') }, topics, lane);
    background.push(hold, ...loops, shadow);
    const connection = await connect(stopping, 'Temporal is away; what is left to this lane lands from its rows');
    if (!connection) {
      await close();
      return { finished: Promise.resolve(), stop: () => undefined };
    }
    const workers = await createDeliveryWorkers(config, topics, { client, connection, pool, hold, commandsFirst });
    const stop = () => {
      hold.handBack();
      for (const part of [...loops, shadow]) void part.stop();
      shutDown(workers);
    };
    const finished = runToEnd(workers, { stop, close });
    const { namespace } = config.temporal;
    log.info({ namespace, lane, build, topics: topics.map(({ name }) => name) }, 'lane worker is running');
    return { finished, stop };
  } catch (error) {
    await close();
    throw error;
  }
}

function topicsOnTrial({ lane, laneTopics }: Config, { topics }: Installation): Topic[] {
  if (lane === STABLE) throw new ConfigError('POSTDATE_LANE: must name a lane other than stable for a lane worker');
  const unknown = laneTopics?.find((name) => !topics.some((topic) => topic.name === name));
  if (unknown !== undefined) throw new ConfigError(`POSTDATE_LANE_TOPICS: there is no topic ${unknown} in this build`);
  return topics
    .filter(({ name }) => laneTopics?.includes(name) ?? true)
    .map((topic) => ({
      ...topic,
      handlerTimeoutMs: Math.min(handlerTimeoutMsOf(topic), LANE_HANDLER_TIMEOUT_MS),
    }));
}
