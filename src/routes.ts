// The second face: what an installation's HTTP routes are written with, and described by. It loads no server: the command
// line imports an installation, routes included. Postdate's own operations come first, as their schemas do in OpenAPI.

export { found, notFound, refused } from './http/answers';
export { type Caller, mustSee } from './http/keys';
export { openApiText } from './http/operations';
export { type Problem, problem } from './http/problems';
export { type Answer, defineRoute, type OwnRoutes, type Route, type RouteParts } from './http/route';
export { instant, named, part } from './http/shapes';
