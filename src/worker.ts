import type { Logger } from 'pino';
import { publishersOf } from './events/brokers/configured-publishers';
import { recordRefusal } from './events/refused-commands';
import type { Application } from './http/application';
import { isServedInWorker } from './http/in-worker';
import { type RunningHttp, startHttp } from './http/start';
import { STABLE } from './message/lane-name';
import { listenForHints } from './platform/database/hints';
import { startGauges } from './platform/telemetry/gauges';
import { clientOfWorkers } from './platform/temporal/client';
import type { Config } from './process/config';
import { installed } from './process/installation';
import { startLaneWorker } from './process/lane-worker';
import { migrateSchemas } from './process/migrate-schemas';
import { openWorker } from './process/open-worker';
import { type RunningWorker, runProcess } from './process/run-process';
import { startHold } from './process/start-hold';
import { startMaintenance } from './process/start-maintenance';
import { startStream } from './process/start-streams';
import { createWorkers, runToEnd, shutDown } from './process/temporal-workers';
import { startDispatcher } from './producing/dispatch/dispatcher';
import { registerTopics } from './producing/dispatch/register-topics';
import { checkLimits } from './topics/topic-limits';

/**
 * The composition root: configuration → database → schema → hold, sweep, relay, consumers → Temporal → workers.
 * Resolves when everything polls, or if it is told to stop before. Parts that need no Temporal already run while
 * Temporal is away. Throws, with all connections closed, if the database cannot be reached, or if waiting cannot cure
 * the error.
 */
export async function startWorker(
  config: Config,
  parts: Application,
  log: Logger,
  stopping: AbortSignal = new AbortController().signal,
): Promise<RunningWorker> {
  const publishers = publishersOf(config);
  const names = [...parts.topics, ...parts.consumers, ...publishers].map(({ name }) => name);
  // Two topics of one name would share a queue, and chance would pick the handler. Two consumers or publishers of one
  // name would share a position.
  if (new Set(names).size < names.length) throw new Error(`topics and consumers need names of their own: ${names}`);
  for (const topic of parts.topics) checkLimits(topic);
  const { shared, over, background, connect, ...opened } = openWorker(config, parts.topics, log);
  const { client, pool, onError } = shared;
  let http: RunningHttp | undefined;
  const close = async () => {
    over.abort();
    http?.stop();
    await http?.finished;
    await opened.close();
  };
  try {
    await migrateSchemas(pool, parts, { log, signal: stopping });
    await registerTopics(pool, parts.topics);
    const { hold, commandsFirst, lanes, loops } = await startHold(config, parts.topics, {
      ...shared,
      signal: over.signal,
    });
    background.push(hold, ...loops);
    const maintenance = startMaintenance({ ...shared, lanes }, parts.topics, config.kept);
    background.push(...maintenance);
    background.push(startGauges({ ...shared, onError: onError('readings') }));
    const hints = listenForHints(config.databaseUrl, pool, { onError: onError('hints') });
    background.push(hints);
    const streamed = { consumers: parts.consumers, publishers };
    background.push(...startStream(config, streamed, { ...shared, hints, landingsOver: hold.landingsOver }));
    const connection = await connect(stopping, 'Temporal is away; what is overdue lands from its rows');
    if (!connection) {
      await close();
      return { finished: Promise.resolve(), stop: () => undefined };
    }
    // Not before: a namespace that does not know our search attributes refuses to start a message that carries them.
    const starting = clientOfWorkers(connection, config.temporal);
    const dispatcher = startDispatcher(
      { ...shared, starting, hints, recordRefusal, onError: onError('dispatcher') },
      parts.topics,
      config,
    );
    background.push(dispatcher);
    const workers = await createWorkers(config, parts, { client, connection, pool, hold, commandsFirst });
    if (isServedInWorker(config, log)) http = await startHttp(config, parts, log, stopping);

    const stop = () => {
      http?.stop();
      hold.handBack();
      void dispatcher.stop();
      // Now, not at the end: from this moment on, other workers hold what was handed back.
      for (const part of [...loops, ...maintenance]) void part.stop();
      shutDown(workers);
    };
    const finished = runToEnd(workers, { stop, close });
    const { namespace } = config.temporal;
    log.info({ namespace, topics: parts.topics.map((topic) => topic.name) }, 'worker is running');
    return { finished, stop };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * Runs a worker as a process of its own, configured by the environment: stable's, or that of the lane in POSTDATE_LANE.
 */
export const runWorker = (application: Application): Promise<void> =>
  runProcess((config, log, stopping) =>
    (config.lane === STABLE ? startWorker : startLaneWorker)(config, installed(config, application), log, stopping),
  );
