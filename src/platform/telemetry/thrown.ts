import { DatabaseError } from 'pg';
import { storable } from '../database/storable';
import { copyErrorContext } from './error-context';

// A chain of causes is followed so far. It may be a circle.
const DEEPEST = 5;
// Node writes ten frames by default. A stack is a text that anybody may have written.
const MOST_FRAMES = 30;
const STACK_CHARACTERS = 20_000;
const FRAME = /^ {4}(at .{0,400}(?::\d+:\d+|<anonymous>|native)\)?)$/;
// The log shows these fields: of any error, and of an error of the database.
const FIELDS = ['code', 'field', 'syscall', 'details'];
const FIELDS_OF_DATABASE = ['severity', 'schema', 'table', 'column', 'constraint', 'routine'];

const plain = new WeakSet<object>();

/**
 * Reads what foreign code has thrown into a plain error: name, message, stack, a few fields and the causes, all of them
 * texts of bounded length that Temporal and PostgreSQL can store. No retry option of Temporal's SDK is left on it. Keeps what
 * is remembered about an error for the log. Never throws, whatever the value does when it is read.
 */
export function readThrown(thrown: unknown, depth = 1): Error {
  if (!isObject(thrown)) return plainError(thrown, { name: typeof thrown, message: wordsOf(thrown) });
  // Read before, by us.
  if (plain.has(thrown)) return thrown as Error;
  const message = textOf(read(thrown, 'message')) ?? 'something without a message was thrown';
  const cause = depth < DEEPEST ? read(thrown, 'cause') : undefined;
  return plainError(thrown, {
    name: nameOf(thrown),
    message,
    frames: framesOf(textOf(read(thrown, 'stack')) ?? '', message),
    cause: cause === undefined || cause === null ? undefined : readThrown(cause, depth + 1),
  });
}

/** `instanceof` for a thrown value, which may be a proxy that throws when it is asked. */
export function isInstance<Kind>(thrown: unknown, kind: abstract new (...args: never[]) => Kind): thrown is Kind {
  try {
    return thrown instanceof kind;
  } catch {
    return false;
  }
}

/** The lines of a stack that say where an error was thrown. The message is left out: it may have a line that looks like one. */
export const framesOf = (stack: string, message: string): string[] =>
  stack
    .slice(stack.includes(message) ? stack.indexOf(message) + message.length : 0)
    .slice(0, STACK_CHARACTERS)
    .split('\n')
    .flatMap((line) => FRAME.exec(line)?.[1] ?? [])
    .slice(0, MOST_FRAMES);

interface Parts {
  name: string;
  message: string;
  frames?: string[];
  cause?: Error;
}

function plainError(thrown: unknown, { name, message, frames = [], cause }: Parts): Error {
  const words = bounded(message);
  const ofDatabase = isInstance(thrown, DatabaseError);
  // Whether it is the database's decides what the log shows, and whether the database counts as away.
  const error = ofDatabase ? new DatabaseError(words, 0, 'error') : new Error(words);
  const stack = bounded([`${bounded(name)}: ${words}`, ...frames.map((frame) => `    ${frame}`)].join('\n'), 10_000);
  const called = bounded(name, 200);
  // Temporal's SDK takes the class's name for the type of the failure.
  const fields = { name: called, constructor: { name: called }, stack, ...(cause && { cause }) };
  for (const [field, value] of Object.entries(fields)) {
    Object.defineProperty(error, field, { value, writable: true, configurable: true, enumerable: false });
  }
  if (isObject(thrown)) {
    Object.assign(error, simpleFieldsOf(thrown, ofDatabase ? [...FIELDS, ...FIELDS_OF_DATABASE] : FIELDS));
    copyErrorContext(thrown, error);
  }
  plain.add(error);
  return error;
}

const isObject = (thrown: unknown): thrown is object =>
  (typeof thrown === 'object' && thrown !== null) || typeof thrown === 'function';

function read(thrown: object, field: string): unknown {
  try {
    return (thrown as Record<string, unknown>)[field];
  } catch {
    // A getter that throws, or a proxy.
    return undefined;
  }
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
const bounded = (text: string, characters?: number): string => storable(text, characters) as string;

/** The name that the error has, or that of its class where it has none of its own. */
function nameOf(thrown: object): string {
  if (typeof thrown === 'function') return 'function';
  const name = textOf(read(thrown, 'name'));
  if (name && !/^error$/i.test(name)) return name;
  const made = read(thrown, 'constructor');
  return (typeof made === 'function' && textOf(read(made, 'name'))) || 'Error';
}

// A bigint of millions of digits would take minutes to write.
const wordsOf = (thrown: unknown): string => (typeof thrown === 'bigint' ? 'a bigint' : String(thrown));

const simpleFieldsOf = (thrown: object, fields: string[]): Record<string, string | number> =>
  Object.fromEntries(
    fields.flatMap((field): [string, string | number][] => {
      const value = read(thrown, field);
      if (typeof value === 'number') return [[field, value]];
      return typeof value === 'string' ? [[field, bounded(value)]] : [];
    }),
  );
