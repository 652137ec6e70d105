import { type NativeConnection, Runtime } from '@temporalio/worker';
import { nanoid } from 'nanoid';
import type { Logger } from 'pino';
import type { BackgroundLoop } from './background-loop';
import { concernOf } from './concern';
import type { Config } from './config';
import { createPool } from './database';
import { startDispatcher } from './dispatch/dispatcher';
import { registerTopics } from './dispatch/registered-topics';
import { type RunningHttp, startHttp } from './http';
import { type Installation, installed } from './installation';
import { startLaneWorker } from './lane-worker';
import { STABLE } from './lanes/lane';
import { createMetrics } from './metrics';
import { migrate, postdateSchema } from './migrate';
import { type RunningWorker, runProcess } from './process';
import { startReadings } from './readings';
import { startHold } from './start-hold';
import { publishersOf, startStream } from './streams';
import { lazyClient } from './temporal-client';
import { connectToTemporal } from './temporal-connection';
import { createWorkers, runToEnd, shutDown } from './temporal-workers';
import { checkLimits } from './topic-limits';
import { startUpkeep } from './upkeep';

type Stopping = Pick<BackgroundLoop, 'stop'>;
type OnError = (part: string, words?: string) => (error: unknown) => void;

/**
 * The composition root: configuration → database → schema → hold, sweep, relay, consumers → Temporal → workers.
 * Resolves when everything polls, or when it is told to stop before; what needs no Temporal is at work already while that is
 * away. Throws, with all connections closed, when the database cannot be reached, or something is wrong for good.
 */
export async function startWorker(
  config: Config,
  parts: Installation,
  log: Logger,
  stopping: AbortSignal = new AbortController().signal,
): Promise<RunningWorker> {
  const { namespace, connectionOptions } = config.temporal;
  const publishers = publishersOf(config);
  const names = [...parts.topics, ...parts.consumers, ...publishers].map(({ name }) => name);
  // Two topics of one name would share a queue, and chance would pick the handler; two consumers, or publishers, a position.
  if (new Set(names).size < names.length) throw new Error(`topics and consumers need names of their own: ${names}`);
  for (const topic of parts.topics) checkLimits(topic);
  const metrics = createMetrics(
    Runtime.instance().metricMeter,
    parts.topics.map(({ name }) => name),
  );
  const onError: OnError =
    (part, words = 'will be tried again') =>
    (error) => {
      metrics.failed(part);
      log.error({ part, ...concernOf(error), err: error }, words);
    };
  const pool = createPool(config.databaseUrl, {
    connections: config.databaseConnections,
    onError: onError('database'),
  });
  const over = new AbortController();
  const background: Stopping[] = [];
  // Of the questions that loops ask; it connects by itself, again and again, where the workers' own would have to be made anew.
  const { client, connection: asking } = lazyClient(config.temporal);
  let connection: NativeConnection | undefined;
  let http: RunningHttp | undefined;
  const close = async () => {
    over.abort();
    http?.stop();
    await http?.finished;
    await Promise.all(background.map((part) => part.stop()));
    await connection?.close();
    await asking.close();
    await pool.end();
  };
  try {
    for (const schema of [postdateSchema, ...parts.schemas]) await migrate(pool, schema);
    await registerTopics(pool, parts.topics);
    const shared = { client, pool, worker: nanoid(), metrics, log };
    const { hold, loops } = await startHold(config, parts.topics, { ...shared, signal: over.signal, onError });
    background.push(hold, ...loops);
    const upkeep = startUpkeep({ ...shared, onError }, parts.topics, config.kept);
    background.push(...upkeep);
    background.push(startReadings({ pool, metrics, onError: onError('readings') }));
    const streamed = { consumers: parts.consumers, publishers };
    background.push(...startStream(config, streamed, { ...shared, landingsOver: hold.landingsOver, onError }));
    const onAway = onError('temporal', 'Temporal is away; what is overdue lands from its rows');
    connection = await connectToTemporal(connectionOptions, { namespace, asking, signal: stopping, onAway });
    if (!connection) {
      await close();
      return { finished: Promise.resolve(), stop: () => undefined };
    }
    // Not before: a namespace that does not know our search attributes refuses to start what carries them.
    const dispatcher = startDispatcher({ ...shared, onError: onError('dispatcher') }, parts.topics, config);
    background.push(dispatcher);
    const workers = await createWorkers(config, parts, { client, connection, pool, hold });
    if (config.http.address) http = await startHttp(config, parts, log);

    const stop = () => {
      http?.stop();
      hold.handBack();
      void dispatcher.stop();
      // Now, not at the end: what was handed back is for the others to hold from this moment on.
      for (const part of [...loops, ...upkeep]) void part.stop();
      shutDown(workers);
    };
    const finished = runToEnd(workers, { stop, close });
    log.info({ namespace, topics: parts.topics.map((topic) => topic.name) }, 'worker is running');
    return { finished, stop };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Runs a worker as a process of its own, configured by the environment: stable's, or that of the lane in POSTDATE_LANE. */
export const runWorker = (installation: Installation): Promise<void> =>
  runProcess((config, log, stopping) =>
    (config.lane === STABLE ? startWorker : startLaneWorker)(config, installed(config, installation), log, stopping),
  );
