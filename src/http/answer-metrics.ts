import type { MetricMeter } from '@temporalio/common';
import type { FastifyInstance } from 'fastify';

/**
 * Counts the API's answers and measures their duration, by method, route and status. Never by a request's parameters.
 */
export function countAnswers(app: FastifyInstance, meter: MetricMeter): void {
  const answers = meter.createCounter('postdate_http_answers', 'answers', 'Answers of the HTTP API');
  const duration = meter.createHistogram(
    'postdate_http_answer_seconds',
    'float',
    'seconds',
    'From the request to its answer',
  );
  app.addHook('onResponse', async ({ method, routeOptions }, { statusCode, elapsedTime }) => {
    const operation = { method, route: routeOptions.url ?? 'none' };
    answers.add(1, { ...operation, status: String(statusCode) });
    duration.record(elapsedTime / 1_000, operation);
  });
}
