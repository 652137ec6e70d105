import type { Pool } from 'pg';
import { runForeign } from '../platform/telemetry/foreign-code';
import { batchRoute } from './batch';
import { laneRoutes } from './lanes';
import { messageRoutes } from './messages';
import { openApiOf } from './openapi';
import type { OwnRoutes, Route, RouteParts } from './route';

/**
 * All operations. Both the server and its OpenAPI document are made from them. `report` gets each 5xx within a batch.
 * `routesPool`: what the installation's own routes get in place of Postdate's pool.
 */
export const operationsOf = (
  parts: RouteParts,
  { routes = () => [], routesPool = parts.pool }: { routes?: OwnRoutes; routesPool?: Pool },
  report: (error: unknown) => void = () => undefined,
): Route[] => [
  ...messageRoutes(parts),
  batchRoute(parts, report),
  ...routes({ ...parts, pool: routesPool }).map(asForeign),
  ...laneRoutes(parts),
];

const asForeign = (route: Route): Route => ({
  ...route,
  run: (input) => runForeign({ part: 'route', name: route.operationId }, () => route.run(input)),
});

/** The text of an installation's docs/openapi.json. It depends on no topic. */
export const openApiText = (installation: { routes?: OwnRoutes }): string => {
  // Describing a route never runs it.
  const parts = { client: {}, pool: {}, topics: [] } as unknown as RouteParts;
  return `${JSON.stringify(openApiOf(operationsOf(parts, installation)), null, 2)}\n`;
};
