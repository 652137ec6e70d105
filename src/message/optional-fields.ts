import { z } from 'zod';
import type { OptionalFields } from './contract';
import { OPTIONAL_REFUSALS } from './contract-fields';
import type { Refusal } from './refusal';

/**
 * The schema of each optional field of a message, with its description for the HTTP API and the command line. A field
 * that is added here and to `OptionalFields` becomes a field of posts, HTTP, the command line, redrives and forwarded
 * messages.
 */
export const optionalFields = {
  staleAfterMs: z.number().min(0).optional().describe('later than this it is skipped instead of delivered'),
  dueBefore2000: z
    .boolean()
    .optional()
    .describe('it may be due before the year 2000, which is otherwise refused as seconds taken for milliseconds'),
} satisfies { [Name in keyof OptionalFields]-?: z.ZodOptional<z.ZodType<OptionalFields[Name]>> };

export const OPTIONAL_NAMES = Object.keys(optionalFields) as (keyof OptionalFields)[];

/** The optional fields of an object, and no others. Null counts as absent. */
export const optionalFieldsOf = (given: OptionalFields): OptionalFields =>
  Object.fromEntries(
    OPTIONAL_NAMES.flatMap((name) => ((given[name] ?? undefined) === undefined ? [] : [[name, given[name]]])),
  );

/** Why a given optional field is refused. */
export function refuseOptionalFields(given: OptionalFields): Refusal | undefined {
  const field = OPTIONAL_NAMES.find((name) => !optionalFields[name].safeParse(given[name]).success);
  return field && { field, ...OPTIONAL_REFUSALS[field] };
}
