import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findDebezium } from '../../local/debezium';
import { findFaketime } from '../../local/faketime';
import { findKafka } from '../../local/kafka';
import { findNatsServer } from '../../local/nats';
import { type RunningPostgres, startPostgres } from '../../local/postgres';
import { findPromtool } from '../../local/promtool';
import { findTemporal } from '../../local/temporal-cli';
import { findTemporalServer } from '../../local/temporal-server-executables';
import { bundledWorkflows } from './bundled-workflows';
import { makeTemplateDatabase } from './template-database';
import { timeSkippingServer } from './time-skipping-server';
import { timed } from './times';

/** What the run has started, for its teardown. */
export interface TestRun {
  folder: string;
  postgres?: RunningPostgres & { dataFolder: string };
  template: string;
}

const log = (line: string) => process.stderr.write(`${line}\n`);

/**
 * What all test files share: the servers' programs, found once; the workflows, bundled once; one PostgreSQL, in which each
 * file makes its own database; and a folder, in which the first file that needs another server leaves word of it.
 */
export default async function globalSetup(): Promise<void> {
  process.env.POSTDATE_TEST_TEMPORAL_CLI = await findTemporal({ log });
  process.env.POSTDATE_TEST_TIME_SKIPPING = await timeSkippingServer();
  // Tests that need it are skipped where it cannot be had.
  process.env.POSTDATE_TEST_FAKETIME = (await findFaketime({ log })) ?? '';
  process.env.POSTDATE_TEST_NATS_SERVER = (await findNatsServer({ log })) ?? '';
  process.env.POSTDATE_TEST_PROMTOOL = (await findPromtool({ log })) ?? '';
  process.env.POSTDATE_TEST_KAFKA_JARS = (await findKafka({ log })) ?? '';
  process.env.POSTDATE_TEST_DEBEZIUM_JARS = (await findDebezium({ log })) ?? '';
  // Built before the tests, not beside them: the compiler takes all there is of the machine for minutes. Where it cannot
  // be had, the tests that need it fail by themselves, with the reason.
  await findTemporalServer({ log }).catch((error: Error) => log(error.message));
  const folder = await mkdtemp(join(tmpdir(), 'postdate-test-run-'));
  process.env.POSTDATE_TEST_RUN_FOLDER = folder;
  process.env.POSTDATE_WORKFLOW_BUNDLE = await timed('workflow bundle of the run', bundledWorkflows);
  const given = process.env.DATABASE_URL;
  const postgres = given ? undefined : await timed('PostgreSQL of the run', startOwnPostgres);
  const server = postgres?.url ?? (given as string);
  process.env.POSTDATE_TEST_DATABASE_URL = server;
  const template = await timed('template database', () => makeTemplateDatabase(server));
  process.env.POSTDATE_TEST_DATABASE_TEMPLATE = template;
  const run: TestRun = { folder, postgres, template };
  Object.assign(globalThis, { postdateTestRun: run });
}

async function startOwnPostgres() {
  const dataFolder = await mkdtemp(join(tmpdir(), 'postdate-test-'));
  return { ...(await startPostgres({ dataFolder, durable: false, log })), dataFolder };
}
