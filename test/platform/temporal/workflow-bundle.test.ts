import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nanoid } from 'nanoid';
import pino from 'pino';
import { schedule } from '../../../src/client';
import { writeWorkflowBundle } from '../../../src/platform/temporal/workflow-bundle';
import { readConfig } from '../../../src/process/config';
import { startWorker } from '../../../src/worker';
import { useDatabase } from '../../support/database';
import { burstTopic, effectsSchema, traces } from '../../support/effects';
import { eventually } from '../../support/eventually';
import { useFolder } from '../../support/local-process';
import { useTemporal } from '../../support/temporal';

const database = useDatabase(effectsSchema);
const temporal = useTemporal();
const folder = useFolder();

const start = (bundle: string) =>
  startWorker(
    readConfig({ ...temporal.envFor(database), POSTDATE_WORKFLOW_BUNDLE: bundle }),
    { topics: [burstTopic], consumers: [], schemas: [] },
    pino({ level: 'silent' }),
  );

it('a worker runs the workflows of the bundle that it is given, and no others', async () => {
  const file = join(folder.path, 'workflows.bundle.js');
  await writeWorkflowBundle(file);
  const worker = await start(file);
  const key = nanoid();
  await schedule(temporal.client, {
    topic: burstTopic,
    tenant: 'acme',
    key,
    dueAt: Date.now(),
    payload: { note: 'n' },
  });
  await eventually(async () =>
    expect(await traces(database.pool, key)).toEqual({ effects: 1, decisions: 1, events: 1 }),
  );
  worker.stop();
  await worker.finished;

  const broken = join(folder.path, 'broken.js');
  await writeFile(broken, 'this is no bundle');
  await expect(start(broken)).rejects.toThrow();
});
