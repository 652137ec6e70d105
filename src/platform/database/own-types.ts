import { types } from 'pg';
import { init } from 'pg-types/lib/textParsers';

const parsers = new Map<number, (text: string) => unknown>();
init((oid, parse) => void parsers.set(oid, parse));

/**
 * How Postdate's own statements read PostgreSQL's types: as node-postgres does by default. `types.setTypeParser` changes that for
 * the whole process, and an application calls it for its own statements: Postdate would find another thing in place of an
 * instant or a number, and land nothing.
 */
export const ownTypes = {
  getTypeParser: (oid: number, format: 'text' | 'binary' = 'text'): ((value: string) => unknown) =>
    format === 'text' ? (parsers.get(oid) ?? String) : types.getTypeParser(oid, format),
};

/** A statement of an application, whose results are read as the application has set it. */
export function readByApplication(statement: unknown): unknown {
  if (typeof statement === 'string') return { text: statement, types };
  const isConfig = typeof statement === 'object' && statement !== null && !('submit' in statement);
  // Its fields may be getters of its class.
  return isConfig && !(statement as { types?: unknown }).types
    ? Object.create(statement, { types: { value: types, enumerable: true } })
    : statement;
}
