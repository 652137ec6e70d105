import { refuseCommandId, refuseLead } from './admission';
import { MISSED, type OptionalFields, type Repeat, type ScheduledMessage } from './contract';
import { recordOf } from './decoding';
import { FIELD_CODES, type Refusal } from './refusal';

/** The refusal of each optional field of a post with an unusable value. */
export const OPTIONAL_REFUSALS = {
  staleAfterMs: { code: 'invalidStaleAfter', message: 'must be a number of milliseconds from 0' },
  dueBefore2000: { code: 'invalidDueBefore2000', message: 'must be true or false' },
} as const satisfies Record<keyof OptionalFields, Pick<Refusal, 'code' | 'message'>>;

type OptionalName = Exclude<
  {
    [Name in keyof ScheduledMessage]-?: undefined extends ScheduledMessage[Name] ? Name : never;
  }[keyof ScheduledMessage],
  'payload'
>;

// Far longer than any that is meant.
const MAX_TEXT = 500;
const isText = (value: unknown) => typeof value === 'string' && value.length <= MAX_TEXT;
const isWhole = (value: unknown) => Number.isSafeInteger(value);
const isNumberFrom0 = (value: unknown) => typeof value === 'number' && Number.isFinite(value) && value >= 0;

const refuseUnless = (right: boolean, refusal: Refusal): Refusal | undefined => (right ? undefined : refusal);

/** How each optional field of the contract is checked. A field that is added to the contract does not compile without. */
const CHECKS: Record<OptionalName, (value: unknown) => Refusal | undefined> = {
  leadMs: refuseLead,
  payloadVersion: (value) =>
    refuseUnless(isWhole(value) && (value as number) >= 1, {
      code: 'invalidPayloadVersion',
      field: 'payloadVersion',
      message: 'must be a whole number from 1',
    }),
  repeat: refuseRepeatShape,
  traceparent: (value) =>
    refuseUnless(isText(value), { code: 'invalidTraceparent', field: 'traceparent', message: 'must be a text' }),
  uncountedCycles: (value) =>
    refuseUnless(isWhole(value) && (value as number) >= 0, {
      code: 'invalidUncountedCycles',
      field: 'uncountedCycles',
      message: 'must be a whole number from 0',
    }),
  inBurst: (value) =>
    refuseUnless(typeof value === 'boolean', {
      code: 'invalidInBurst',
      field: 'inBurst',
      message: 'must be true or false',
    }),
  bySets: (value) =>
    refuseUnless(typeof value === 'boolean', {
      code: 'invalidBySets',
      field: 'bySets',
      message: 'must be true or false',
    }),
  postId: (value) => {
    const refusal = refuseCommandId(value);
    return refusal && { ...refusal, code: 'invalidPostId', field: 'postId' };
  },
  staleAfterMs: (value) =>
    refuseUnless(isNumberFrom0(value), { field: 'staleAfterMs', ...OPTIONAL_REFUSALS.staleAfterMs }),
  dueBefore2000: (value) =>
    refuseUnless(typeof value === 'boolean', { field: 'dueBefore2000', ...OPTIONAL_REFUSALS.dueBefore2000 }),
};

/** Why an optional field of a message is refused. Absent ones are right. */
export function refuseOptionalTypes(message: Record<string, unknown>): Refusal | undefined {
  for (const [name, check] of Object.entries(CHECKS)) {
    const value = message[name];
    const refusal = value === undefined ? undefined : check(value);
    if (refusal) return refusal;
  }
  return undefined;
}

// What the calendar makes of a rule is known to activities only: they end such a message when it is due.
const REPEAT_CHECKS: Record<keyof Repeat, { required?: true; isRight(value: unknown): boolean }> = {
  every: { isRight: isText },
  cron: { isRight: isText },
  zone: { isRight: isText },
  until: { isRight: isWhole },
  maxCycles: { isRight: isWhole },
  missed: { isRight: (value) => (MISSED as readonly unknown[]).includes(value) },
  startAt: { required: true, isRight: isWhole },
  at: { required: true, isRight: isWhole },
  done: { required: true, isRight: isWhole },
};

function refuseRepeatShape(repeat: unknown): Refusal | undefined {
  const code = FIELD_CODES.repeat;
  const fields = recordOf(repeat);
  if (!fields) return { code, field: 'repeat', message: 'must have one of every and cron' };
  for (const [name, { required, isRight }] of Object.entries(REPEAT_CHECKS)) {
    const value = fields[name];
    if (value === undefined && required) return { code, field: 'repeat', message: 'must be made by a post' };
    if (value !== undefined && !isRight(value)) return { code, field: `repeat.${name}`, message: 'has a wrong type' };
  }
  return undefined;
}
