import { z } from 'zod';
import type { OptionalFields } from './contract';
import type { Refusal } from './refusal';

/**
 * The schema of each optional field of a message, with its description for the HTTP API and the command line. A field
 * that is added here and to `OptionalFields` becomes a field of posts, HTTP, the command line, redrives and forwarded
 * messages.
 */
export const optionalFields = {
  staleAfterMs: z.number().min(0).optional().describe('later than this it is skipped instead of delivered'),
} satisfies { [Name in keyof OptionalFields]-?: z.ZodOptional<z.ZodType<OptionalFields[Name]>> };

/** The refusal of each field with an unusable value. */
export const OPTIONAL_REFUSALS = {
  staleAfterMs: { code: 'invalidStaleAfter', message: 'must be a number of milliseconds from 0' },
} as const satisfies Record<keyof OptionalFields, Pick<Refusal, 'code' | 'message'>>;

export const OPTIONAL_NAMES = Object.keys(optionalFields) as (keyof OptionalFields)[];

/** The optional fields of an object, and no others. */
export const optionalFieldsOf = (given: OptionalFields): OptionalFields =>
  Object.fromEntries(OPTIONAL_NAMES.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]])));

/** Why a given optional field is refused. */
export function refuseOptionalFields(given: OptionalFields): Refusal | undefined {
  const field = OPTIONAL_NAMES.find((name) => !optionalFields[name].safeParse(given[name]).success);
  return field && { field, ...OPTIONAL_REFUSALS[field] };
}
