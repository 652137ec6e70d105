import { batchRoute } from './batch';
import { laneRoutes } from './lanes';
import { messageRoutes } from './messages';
import { openApiOf } from './openapi';
import type { OwnRoutes, Route, RouteParts } from './route';

/** All operations, from which both the server and its OpenAPI are made. `report`s what of a batch is a 5xx. */
export const operationsOf = (
  parts: RouteParts,
  { routes = () => [] }: { routes?: OwnRoutes },
  report: (error: unknown) => void = () => undefined,
): Route[] => [...messageRoutes(parts), batchRoute(parts, report), ...routes(parts), ...laneRoutes(parts)];

/** An installation's docs/openapi.json. It says nothing of topics. */
export const openApiText = (installation: { routes?: OwnRoutes }): string => {
  // What is only described is never run.
  const parts = { client: {}, pool: {}, topics: [] } as unknown as RouteParts;
  return `${JSON.stringify(openApiOf(operationsOf(parts, installation)), null, 2)}\n`;
};
