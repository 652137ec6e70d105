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
const replay = (workflowBundle: WorkflowBundle, file: string): Promise<void> =>
  replayJson(workflowBundle, JSON.parse(readFileSync(join(HISTORIES, file), 'utf8')));

async function replayJson(workflowBundle: WorkflowBundle, json: unknown): Promise<void> {
  const history = historyFromJSON(json);
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

describe('what an older release has accepted or obeyed, and this one would refuse', () => {
  type Event = { [attributes: string]: { input?: { payloads: { data: string }[] } } };
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64');
  const inputOf = (event: Event, attributes: string) => event[attributes]?.input?.payloads[0];

  it.each<[string, string, (event: Event) => void]>([
    [
      'a limit in words',
      '0.5.0/asleep.json',
      (event) => {
        const input = inputOf(event, 'workflowExecutionStartedEventAttributes');
        if (!input) return;
        const message = JSON.parse(Buffer.from(input.data, 'base64').toString());
        input.data = encode({ ...message, staleAfterMs: 'soon' });
      },
    ],
    [
      'another workflow id',
      '0.5.0/asleep.json',
      (event) => {
        const input = inputOf(event, 'workflowExecutionStartedEventAttributes');
        if (!input) return;
        const message = JSON.parse(Buffer.from(input.data, 'base64').toString());
        input.data = encode({ ...message, tenant: 'globex' });
      },
    ],
    [
      'no search attributes',
      '0.5.0/delivered.json',
      (event) => {
        const started = event.workflowExecutionStartedEventAttributes as { searchAttributes?: unknown } | undefined;
        if (started) started.searchAttributes = {};
      },
    ],
    [
      'a cancel that is a number',
      '0.5.0/commands-before-its-first-task.json',
      (event) => {
        const signal = event.workflowExecutionSignaledEventAttributes as { signalName?: string } | undefined;
        const input = inputOf(event, 'workflowExecutionSignaledEventAttributes');
        if (input && signal?.signalName === 'cancel') input.data = encode(7);
      },
    ],
  ])('%s replays, and not with a changed workflow (the control)', async (_what, file, change) => {
    const json = JSON.parse(readFileSync(join(HISTORIES, file), 'utf8'));
    const before = JSON.stringify(json);
    for (const event of json.events) change(event);
    expect(JSON.stringify(json)).not.toBe(before);
    await replayJson(today, json);
    await expect(replayJson(changed, json)).rejects.toBeInstanceOf(DeterminismViolationError);
  });
});
