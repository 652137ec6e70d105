import type { Client } from '@temporalio/client';
import type { FastifyInstance } from 'fastify';
import type { Pool } from 'pg';
import { problem } from './problems';

const DEADLINE_MS = 2_000;
// Anybody may ask, as often as they like. The database and Temporal are asked once a second at most.
const FRESH_MS = 1_000;

/**
 * `/healthz` says that the process answers. `/readyz` says whether the database and Temporal answer, within two seconds
 * each; otherwise it is a 503 that names which does not. Neither needs an API key, so the answer of `/readyz` may be a
 * second old.
 */
export function addHealth(app: FastifyInstance, { client, pool }: { client: Client; pool: Pool }): void {
  const look = () => {
    const namespace = client.options.namespace;
    return Promise.all([
      answers(pool.query('select 1')),
      answers(
        client.withDeadline(Date.now() + DEADLINE_MS, () => client.workflowService.describeNamespace({ namespace })),
      ),
    ]);
  };
  let looked: { at: number; seen: ReturnType<typeof look> } | undefined;
  app.get('/healthz', (_request, reply) => reply.send({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    if (!looked || performance.now() - looked.at > FRESH_MS) looked = { at: performance.now(), seen: look() };
    const [database, temporal] = await looked.seen;
    if (database && temporal) return reply.send({ status: 'ok' });
    const stateOf = (there: boolean) => (there ? 'ok' : 'away');
    return reply
      .code(503)
      .header('retry-after', '5')
      .type('application/problem+json')
      .send(
        problem('unavailable', 'The database or Temporal does not answer.', {
          database: stateOf(database),
          temporal: stateOf(temporal),
        }),
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
