import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Promises the name that a program's file has on this platform. */
export function executableName(name: string): string {
  return process.platform === 'win32' ? `${name}.exe` : name;
}

/** Promises whether this path is a file that we may execute. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    // It cannot be executed, for any reason.
    return false;
  }
}

/** Promises the path of the first program of this name on PATH, or nothing. */
export function onPath(name: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, executableName(name))).find(isExecutable);
}

/** Promises the executable that the variable names, nothing if it is not set, and an error if it names none. */
export function fromEnvironment(variable: string): string | undefined {
  const path = process.env[variable];
  if (!path) return undefined;
  if (isExecutable(path)) return path;
  throw new Error(`${variable} is ${path}, which is no executable file. Correct it, or unset ${variable}.`);
}
