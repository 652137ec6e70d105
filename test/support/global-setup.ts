import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFaketime } from '../../local/faketime';
import { findKafka } from '../../local/kafka';
import { findNatsServer } from '../../local/nats';
import { startPostgres } from '../../local/postgres';
import { findTemporal } from '../../local/temporal-cli';
import { findTemporalServer } from '../../local/temporal-server-executables';
import { timeSkippingServer } from './time-skipping-server';

const log = (line: string) => process.stderr.write(`${line}\n`);

/** One PostgreSQL for the run, in which each test file makes its own database; and the servers' programs, found once. */
export default async function globalSetup(): Promise<void> {
  process.env.POSTDATE_TEST_TEMPORAL_CLI = await findTemporal({ log });
  process.env.POSTDATE_TEST_TIME_SKIPPING = await timeSkippingServer();
  // Tests that need it are skipped where it cannot be had.
  process.env.POSTDATE_TEST_FAKETIME = (await findFaketime({ log })) ?? '';
  process.env.POSTDATE_TEST_NATS_SERVER = (await findNatsServer({ log })) ?? '';
  process.env.POSTDATE_TEST_KAFKA_JARS = (await findKafka({ log })) ?? '';
  // Built before the tests, not beside them: the compiler takes all there is of the machine for minutes. Where it cannot
  // be had, the tests that need it fail by themselves, with the reason.
  await findTemporalServer({ log }).catch((error: Error) => log(error.message));
  if (process.env.DATABASE_URL) {
    process.env.POSTDATE_TEST_DATABASE_URL = process.env.DATABASE_URL;
    return;
  }
  const dataFolder = await mkdtemp(join(tmpdir(), 'postdate-test-'));
  const postgres = await startPostgres({ dataFolder, durable: false, log });
  process.env.POSTDATE_TEST_DATABASE_URL = postgres.url;
  Object.assign(globalThis, { postdateTestPostgres: { postgres, dataFolder } });
}
