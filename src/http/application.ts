import type { Installation } from '../process/installation';
import type { OwnRoutes } from './route';

/** An installation that has operations of its own in the HTTP API, beside Postdate's. Default: none. */
export interface Application extends Installation {
  routes?: OwnRoutes;
}
