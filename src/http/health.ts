import type { Client } from '@temporalio/client';
import type { FastifyInstance } from 'fastify';
import type { Pool } from 'pg';
import { problem } from './problems';

const DEADLINE_MS = 2_000;
// However many ask, and anybody may, the servers are asked once a second.
const FRESH_MS = 1_000;

/**
 * `/healthz`: the process answers. `/readyz`: so do the database and Temporal, within two seconds each; else 503 and which
 * of them does not. Neither wants an API key, so what `/readyz` says may be a second old.
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
