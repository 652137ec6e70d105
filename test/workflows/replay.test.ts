import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils';
import { bundleWorkflowCode, Worker, type WorkflowBundle } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { version } from '../../package.json';
import * as registry from '../../src/workflows';
import { sceneNames } from '../histories/scenes';
import { quietLogger } from '../support/quiet-runtime';
import { bundleWorkflows } from '../support/workflow-environment';

const HISTORIES = join(__dirname, '..', 'histories');
const recorded = readdirSync(HISTORIES, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.json'));
const payloadConverterPath = require.resolve('../../src/workflows/tolerant-payload-converter');

let today: WorkflowBundle;
let changed: WorkflowBundle;
beforeAll(async () => {
  today = await bundleWorkflows();
  const workflowsPath = require.resolve('../support/changed-workflows');
  changed = await bundleWorkflowCode({ workflowsPath, payloadConverterPath, logger: quietLogger });
});

/** Replays a recorded history; rejects when the code would have done something else. */
async function replay(workflowBundle: WorkflowBundle, file: string): Promise<void> {
  const history = historyFromJSON(JSON.parse(readFileSync(join(HISTORIES, file), 'utf8')));
  const id = history.events?.[0]?.workflowExecutionStartedEventAttributes?.workflowId as string;
  await Worker.runReplayHistory({ workflowBundle, dataConverter: { payloadConverterPath } }, history, id);
}

it('every scene has a history of the present release', () => {
  for (const name of sceneNames)
    expect({ name, there: existsSync(join(HISTORIES, version, `${name}.json`)) }).toEqual({ name, there: true });
  expect(Object.keys(registry)).toEqual(['scheduledMessage']);
});

describe.each(recorded)('%s', (file) => {
  it("replays with today's workflow", async () => {
    await replay(today, file);
  });

  it('does not replay with a changed one (the control)', async () => {
    await expect(replay(changed, file)).rejects.toBeInstanceOf(DeterminismViolationError);
  });
});
