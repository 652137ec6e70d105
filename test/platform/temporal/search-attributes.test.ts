import type { ConnectionLike } from '@temporalio/client';
import { nanoid } from 'nanoid';
import { ensureSearchAttributes, searchAttributesIn } from '../../../src/platform/temporal/search-attributes';
import { eventually } from '../../support/eventually';
import { useTemporal } from '../../support/temporal';

const temporal = useTemporal();

/** A namespace that lacks them all. */
async function newNamespace(): Promise<string> {
  const namespace = `n-${nanoid().replaceAll('_', '-')}`;
  const { workflowService } = temporal.connection;
  await workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
  });
  await eventually(() => workflowService.listWorkflowExecutions({ namespace, pageSize: 1 }));
  return namespace;
}

/** The server as an account sees it that may start workflows, and nothing else. */
function forbidden(code: number): Pick<ConnectionLike, 'operatorService' | 'workflowService'> {
  const refuse = async () => {
    throw Object.assign(new Error('Request unauthorized.'), { code });
  };
  const { workflowService } = temporal.connection;
  const operatorService = { listSearchAttributes: refuse, addSearchAttributes: refuse } as never;
  return { operatorService, workflowService };
}

it('what is missing is registered, however many start at once, and usable when it says so', async () => {
  const namespace = await newNamespace();
  await Promise.all([1, 2, 3].map(() => ensureSearchAttributes(temporal.connection, namespace)));
  expect(await searchAttributesIn(temporal.connection, namespace)).toEqual({ missing: {}, wrong: [] });
  const query = `PostdateTopic = 't' and PostdateDueAt > '2030-01-01T00:00:00Z'`;
  await temporal.connection.workflowService.listWorkflowExecutions({ namespace, query });
});

it.each([
  ['may not', 7],
  ['cannot', 12],
])('an account that %s register them goes on where somebody has, and else says what to do', async (_why, code) => {
  const namespace = await newNamespace();
  const started = ensureSearchAttributes(forbidden(code), namespace);
  await expect(started).rejects.toThrow(`permission denied to register search attributes in ${namespace}`);
  await expect(started).rejects.toThrow('--name PostdateKey --type Keyword --name PostdateDueAt --type Datetime');
  await expect(started).rejects.toThrow('--search-attribute PostdateKey=Keyword');
  await ensureSearchAttributes(temporal.connection, namespace);
  await ensureSearchAttributes(forbidden(code), namespace);
});

it('one that is there with another type is for a person to look at', async () => {
  const namespace = await newNamespace();
  await temporal.connection.operatorService.addSearchAttributes({ namespace, searchAttributes: { PostdateDueAt: 2 } });
  await eventually(async () =>
    expect((await searchAttributesIn(temporal.connection, namespace)).wrong).toEqual(['PostdateDueAt']),
  );
  await expect(ensureSearchAttributes(temporal.connection, namespace)).rejects.toThrow('PostdateDueAt is registered');
});
