import { readJson, readWholeJson } from '../message/json-reader';
import { JsonRefusal } from '../message/json-refusal';
import { NotJson } from '../message/json-tokens';
import { createSemaphore } from '../platform/loops/semaphore';
import { createFairTurns } from './fair-turns';
import { MAX_BODY_BYTES, SLICE_CHARACTERS } from './limits';
import { ProblemError } from './problems';

/** Who sent a body, and how many characters a value in it may have that is two levels down. */
export interface BodySource {
  tenant: string;
  itemCharacters?: number;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Parses a JSON text (RFC 8259) that means the same to every reader. Refused are: a name twice in one object, names that
 * reach a prototype, text that PostgreSQL or UTF-8 cannot hold, numbers that readers would change (RFC 7493, I-JSON), and
 * deep nesting. Throws a `ProblemError` with the place as its `field`.
 */
export function parseJson(body: Buffer): unknown {
  try {
    return readWholeJson(textOf(body));
  } catch (error) {
    throw problemOfJson(error);
  }
}

/** Parses bodies as `parseJson` does. One that is larger than one post is read in slices, and tenants take turns. */
export function createJsonParser(): (body: Buffer, source: BodySource) => Promise<unknown> {
  const slices = createFairTurns(1);
  const bodies = new Map<string, ReturnType<typeof createSemaphore>>();

  async function inSlices(text: string, { tenant, itemCharacters }: BodySource): Promise<unknown> {
    const reader = readJson(text, { itemCharacters, sliceCharacters: SLICE_CHARACTERS });
    for (;;) {
      const step = await slices.inTurn(tenant, () => reader.next());
      if (step.done) return step.value;
    }
  }

  return async (body, source) => {
    if (body.length <= MAX_BODY_BYTES) return parseJson(body);
    try {
      const own = bodies.get(source.tenant) ?? createSemaphore(1);
      bodies.set(source.tenant, own);
      // A tenant's bodies one after the other: a value takes many times the memory of its text.
      await own.acquire();
      try {
        return await inSlices(textOf(body), source);
      } finally {
        own.release();
      }
    } catch (error) {
      throw problemOfJson(error);
    }
  };
}

function textOf(body: Buffer): string {
  try {
    return utf8.decode(body);
  } catch {
    throw new NotJson();
  }
}

function problemOfJson(error: unknown): unknown {
  if (error instanceof JsonRefusal) return new ProblemError(error.code, error.message, { field: error.field });
  return error instanceof NotJson ? new ProblemError('malformedJson', 'must be JSON in UTF-8') : error;
}

/** The same text for the same value, independent of the order of its fields. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_name, part: unknown) =>
    part !== null && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([one], [other]) => (one < other ? -1 : 1)))
      : part,
  );
}
