import { z } from 'zod';
import type { Refusal } from './admission';
import type { OptionalFields } from './contract';

/**
 * What each optional field of a message may be, in the words of the HTTP API and the command line. A field that is added here
 * and to `OptionalFields` is a field of posts, HTTP, the command line, redrives and forwarded messages.
 */
export const optionalFields = {
  staleAfterMs: z.number().min(0).optional().describe('later than this it is skipped instead of delivered'),
} satisfies { [Name in keyof OptionalFields]-?: z.ZodOptional<z.ZodType<OptionalFields[Name]>> };

/** What is said of each where it is unusable. */
export const OPTIONAL_REFUSALS = {
  staleAfterMs: { code: 'invalidStaleAfter', message: 'must be a number of milliseconds from 0' },
} as const satisfies Record<keyof OptionalFields, Pick<Refusal, 'code' | 'message'>>;

export const OPTIONAL_NAMES = Object.keys(optionalFields) as (keyof OptionalFields)[];

/** The optional fields that are given, and nothing else of what gives them. */
export const optionalFieldsOf = (given: OptionalFields): OptionalFields =>
  Object.fromEntries(OPTIONAL_NAMES.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]])));

/** Why an optional field that is given cannot be one. */
export function refuseOptionalFields(given: OptionalFields): Refusal | undefined {
  const field = OPTIONAL_NAMES.find((name) => !optionalFields[name].safeParse(given[name]).success);
  return field && { field, ...OPTIONAL_REFUSALS[field] };
}
