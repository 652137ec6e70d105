import type { Client } from '@temporalio/client';
import type { FastifyInstance } from 'fastify';
import type { Pool } from 'pg';
import { problem } from './problems';

const DEADLINE_MS = 2_000;

/**
 * `/healthz`: the process answers. `/readyz`: so do the database and Temporal, within two seconds each; else 503 and which
 * of them does not. Neither wants an API key.
 */
export function addHealth(app: FastifyInstance, { client, pool }: { client: Client; pool: Pool }): void {
  app.get('/healthz', (_request, reply) => reply.send({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    const namespace = client.options.namespace;
    const [database, temporal] = await Promise.all([
      answers(pool.query('select 1')),
      answers(
        client.withDeadline(Date.now() + DEADLINE_MS, () => client.workflowService.describeNamespace({ namespace })),
      ),
    ]);
    if (database && temporal) return reply.send({ status: 'ok' });
    const stateOf = (there: boolean) => (there ? 'ok' : 'away');
    return reply
      .code(503)
      .header('retry-after', '5')
      .type('application/problem+json')
      .send(
        problem('unavailable', 'Not all of it answers.', { database: stateOf(database), temporal: stateOf(temporal) }),
      );
  });
}

function answers(call: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), DEADLINE_MS);
  });
  const answered = call.then(
    () => true,
    () => false,
  );
  return Promise.race([answered, late]).finally(() => clearTimeout(timer));
}
