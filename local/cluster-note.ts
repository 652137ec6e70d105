import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { endProcess, isRunning } from './processes';

/** What a start leaves in the data folder for the next one. */
interface Note {
  startedBy: number;
  server: number;
  port: number;
}

/** How temporal-server is told to end: it hands its shards back within a second, and later on a busy machine. */
export const stopSteps: [signal: NodeJS.Signals, graceMs: number][] = [
  ['SIGTERM', 30_000],
  ['SIGKILL', 5_000],
];

/** Writes down who runs on this folder. */
export function writeNote(dataFolder: string, note: Note): void {
  writeFileSync(noteFile(dataFolder), JSON.stringify(note));
}

/**
 * Promises that no temporal-server runs on this folder, as two would form one cluster: one whose parent was killed is
 * ended, and one whose parent lives is an error. Returns the port that clients of the last one know.
 */
export async function endLeftover(dataFolder: string, log?: (line: string) => void): Promise<number | undefined> {
  const note = readNote(dataFolder);
  if (!note || !(await isRunning(note.server, dataFolder))) return note?.port;
  if (await isRunning(note.startedBy, 'node')) {
    throw new Error(
      `a cluster runs on ${dataFolder} already, started by process ${note.startedBy}; stop that one, or choose ` +
        'another folder',
    );
  }
  log?.(`ending the temporal-server that a killed start left behind, process ${note.server}`);
  await endProcess(note.server, stopSteps);
  return note.port;
}

function readNote(dataFolder: string): Note | undefined {
  try {
    return JSON.parse(readFileSync(noteFile(dataFolder), 'utf8')) as Note;
  } catch (error) {
    // A note cut short by a full disk or a hard end names no server either.
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

const noteFile = (dataFolder: string) => join(dataFolder, 'cluster.json');
