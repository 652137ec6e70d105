import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Promises what a parent process said of the server it started, after that parent and its group were killed hard. */
export async function startedByKilledParent<T>(file: string, start: string, options: object): Promise<T> {
  const script = `
    require(${JSON.stringify(join(__dirname, '../../local', file))}).${start}(${JSON.stringify(options)})
      .then((server) => console.log(JSON.stringify(server)));
    setInterval(() => {}, 1000);`;
  // A group of its own, so that all of it can be killed as a closed terminal does, without taking jest along.
  const parent = spawn(process.execPath, ['--import', 'tsx', '--eval', script], {
    cwd: join(__dirname, '../..'),
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const gone = once(parent, 'exit').then(() => {
    throw new Error(`the parent ended before it had started ${file}`);
  });
  const [line] = (await Promise.race([once(createInterface(parent.stdout), 'line'), gone])) as [string];
  process.kill(-(parent.pid as number), 'SIGKILL');
  await gone.catch(() => {});
  return JSON.parse(line) as T;
}
