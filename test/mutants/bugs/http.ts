import type { Mutant } from '../mutants';

const throwFuzz = 'test/http/throw-fuzz.test.ts';
const problems = 'test/http/problems.test.ts';
const connections = 'test/http/connections.test.ts';
const authenticate = 'test/http/authenticate.test.ts';
const keys = 'test/http/keys.test.ts';
const json = 'test/http/json.test.ts';
const deadline = 'test/http/deadline.test.ts';
const pageToken = 'test/http/page-token.test.ts';

/** About what strangers do to the HTTP API. */
export const http: Mutant[] = [
  {
    name: 'HTTP: a thrown proxy is read unguarded',
    file: 'src/http/problems.ts',
    find: '  } catch {\n    // A proxy',
    replace: '  } catch (error) {\n    throw error;\n    // A proxy',
    tests: [problems, throwFuzz],
  },
  {
    name: 'HTTP: the words of any error with a status are told',
    file: 'src/http/problems.ts',
    find: "!code.startsWith('FST_ERR_')",
    replace: 'code.length === 0',
    tests: [problems, throwFuzz],
  },
  {
    name: 'HTTP: an update out of time is an internal error',
    file: 'src/http/problems.ts',
    find: '  error instanceof WorkflowUpdateRPCTimeoutOrCancelledError ||\n',
    replace: '',
    tests: [problems],
  },
  {
    name: 'HTTP: a large body is read in one go',
    file: 'src/message/json-reader.ts',
    find: 'if (at >= sliceEnd) {',
    replace: 'if (at < 0) {',
    tests: [json],
  },
  {
    name: 'HTTP: a name twice is let in where it is written otherwise',
    file: 'src/message/json-reader.ts',
    find: 'isPlain ? text.slice(at + 1, end - 1) : unescaped(text.slice(at, end))',
    replace: 'text.slice(at + 1, end - 1)',
    tests: [json],
  },
  {
    name: 'HTTP: turns go to the first that asked, whatever its tenant',
    file: 'src/http/fair-turns.ts',
    find: 'lines.hadTurn(tenant, line.length > 0 ? line : undefined);',
    replace: 'if (line.length === 0) lines.leave(tenant);',
    tests: ['test/http/fair-turns.test.ts'],
  },
  {
    name: 'HTTP: a wrong key is charged after its look-up',
    file: 'src/http/look-up-limit.ts',
    find: 'const empty = limit.take(network, 1);',
    replace: 'const empty = limit.take(network, 0);',
    tests: [authenticate],
  },
  {
    name: 'HTTP: a known key is looked up before it is charged',
    file: 'src/http/authenticate.ts',
    find: 'if (keyId !== undefined) spend(keyId, cost);\n    const look = () => callerOf(pool, key);',
    replace:
      'const look = () => callerOf(pool, key);\n    if (keyId !== undefined) { await look(); spend(keyId, cost); }',
    tests: [authenticate],
  },
  {
    name: 'HTTP: a large body costs as much as a small one',
    file: 'src/http/serve-route.ts',
    find: 'Math.ceil(bytes / MAX_BODY_BYTES)',
    replace: '1',
    tests: [keys],
  },
  {
    name: 'HTTP: pipelined requests are worked on all at once',
    file: 'src/http/pipeline.ts',
    find: 'if (!line) start',
    replace: 'if (!line || line) start',
    tests: [connections],
  },
  {
    name: 'HTTP: late requests are looked for every half minute',
    file: 'src/http/server.ts',
    find: 'connectionsCheckingInterval: Math.min(LOOK_EVERY_MS, arrivalTimeoutMs)',
    replace: 'connectionsCheckingInterval: 30_000',
    tests: [connections],
  },
  {
    name: 'HTTP: a new connection closes itself where there are too many',
    file: 'src/http/connections.ts',
    find: 'socket !== newest && closable(socket)',
    replace: 'socket === newest && closable(socket)',
    tests: [connections],
  },
  {
    name: 'HTTP: a request has no deadline',
    file: 'src/producing/deadline.ts',
    find: 'Math.min(deadlineMs, remainingMs())',
    replace: 'deadlineMs',
    tests: [deadline],
  },
  {
    name: 'HTTP: a page token is of any caller',
    file: 'src/http/page-token.ts',
    find: "createHmac('sha256', key).update(canonicalJson(listed))",
    replace: "createHmac('sha256', key)",
    tests: [pageToken],
  },
];
