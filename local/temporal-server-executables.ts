import { join } from 'node:path';
import { cacheFolder } from './cache';
import { executableName, fromEnvironment, isExecutable, onPath } from './executables';
import { GO_INSTALL_TIMEOUT_MS, goInstall } from './go-install';
import { withProgress } from './progress';
import { withStartLock } from './start-lock';

// v1.32.2 needs a newer Go than the current one.
const version = 'v1.32.1';

const programs = {
  server: {
    name: 'temporal-server',
    variable: 'TEMPORAL_SERVER_PATH',
    package: `go.temporal.io/server/cmd/server@${version}`,
  },
  sqlTool: {
    name: 'temporal-sql-tool',
    variable: 'TEMPORAL_SQL_TOOL_PATH',
    package: `go.temporal.io/server/cmd/tools/sql@${version}`,
  },
};
type Program = (typeof programs)[keyof typeof programs];

export interface TemporalServerExecutables {
  server: string;
  sqlTool: string;
}

/** Promises the production server and the tool for its schema: the ones you have, else built once and kept in our cache. */
export async function findTemporalServer({ log }: { log: (line: string) => void }): Promise<TemporalServerExecutables> {
  const [server, sqlTool] = [find(programs.server), find(programs.sqlTool)];
  if (server && sqlTool) return { server, sqlTool };
  const go = onPath('go');
  if (!go) {
    throw new Error(
      `found no temporal-server ${version} with its temporal-sql-tool, and no Go to build them with. Install Go ` +
        '(https://go.dev/dl), or put `temporal-server` and `temporal-sql-tool` on PATH, or set ' +
        'TEMPORAL_SERVER_PATH and TEMPORAL_SQL_TOOL_PATH to them.',
    );
  }
  log(`building temporal-server ${version} with Go (once, up to 7 min on two cores)`);
  // Two compilers side by side would take twice as long as one after the other, and the second finds the first's work.
  const lock = join(cacheFolder('bin'), `temporal-server-${version}.building`);
  return withProgress('building temporal-server', log, () =>
    withStartLock(lock, 2 * GO_INSTALL_TIMEOUT_MS, async () => ({
      server: find(programs.server) ?? (await build(go, programs.server)),
      sqlTool: find(programs.sqlTool) ?? (await build(go, programs.sqlTool)),
    })),
  );
}

function find({ name, variable }: Program): string | undefined {
  return fromEnvironment(variable) ?? onPath(name) ?? [cached(name)].find(isExecutable);
}

async function build(go: string, program: Program): Promise<string> {
  const target = cached(program.name);
  await goInstall(go, program.package, target);
  return target;
}

const cached = (name: string) => join(cacheFolder('bin'), executableName(`${name}-${version}`));
