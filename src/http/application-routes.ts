// The second public face: an installation's HTTP routes import from here. It loads no server, because the command line
// imports an installation with its routes. Postdate's own operations come first, as their schemas do in OpenAPI.

export { type Caller, mustSee } from './keys';
export { openApiText } from './operations';
export { type Problem, problem } from './problems';
export { found, notFound, refused } from './responses';
export { type Answer, defineRoute, type OwnRoutes, type Route, type RouteParts } from './route';
export { instant, named, part } from './shapes';
