import { join } from 'node:path';
import { nanoid } from 'nanoid';
import { describe as describeMessage, schedule } from '../../../src/client';
import type { Installation } from '../../../src/process/installation';
import { useDatabase } from '../../support/database';
import { effectsSchema, effectTopic } from '../../support/effects';
import { runLocal, useFolder } from '../../support/local-process';
import { useTemporal } from '../../support/temporal';

const temporal = useTemporal();
const database = useDatabase(effectsSchema);
// Ends what is left of the processes.
useFolder();
const topic = effectTopic();
const installation: Installation = { topics: [topic], consumers: [], schemas: [] };
const HOUR_MS = 3_600_000;

it('one command from five processes, three times each, on both sides of a continue-as-new, is applied once', async () => {
  await temporal.withWorker(database, installation, async () => {
    const ref = { topic: topic.name, tenant: 'acme', key: nanoid() };
    await schedule(temporal.client, { ...ref, topic, dueAt: Date.now() + HOUR_MS, payload: { note: 'n' } });
    const command = { commandId: nanoid(), dueAt: Date.now() + 2 * HOUR_MS };
    // The move itself ends the run, so the later copies find the next one.
    const processes = Array.from({ length: 5 }, () =>
      runLocal(join(__dirname, 'move-thrice.ts'), {
        args: [JSON.stringify(ref), JSON.stringify(command)],
        env: temporal.env(),
      }),
    );
    expect(await Promise.all(processes.map(({ exitCode }) => exitCode))).toEqual([0, 0, 0, 0, 0]);
    const answers = processes.flatMap(({ printed }) => printed().trim().split('\n'));
    expect(answers).toHaveLength(15);
    const moved = { result: 'moved', cycle: 2, dueAt: new Date(command.dueAt).toISOString() };
    for (const answer of answers) expect(JSON.parse(answer)).toEqual(moved);
    expect(await describeMessage(temporal.client, ref)).toMatchObject({ state: 'waiting', cycle: 2 });
    const { rows } = await database.pool.query('select cycle, outcome from postdate.delivery where key = $1', [
      ref.key,
    ]);
    expect(rows).toEqual([{ cycle: 1, outcome: 'moved' }]);
  });
});
