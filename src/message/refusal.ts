/** The codes of all refusals. They are stable: callers match on them. */
export const REFUSAL_CODES = [
  'unknownTopic',
  'invalidTopic',
  'invalidTenant',
  'invalidKey',
  'idTooLong',
  'invalidCycle',
  'invalidDueAt',
  'dueAtTooEarly',
  'dueAtTooFar',
  'invalidLead',
  'invalidPace',
  'invalidStartDelay',
  'invalidHandlerTimeout',
  'invalidStaleAfter',
  'invalidDueBefore2000',
  'invalidObserved',
  'invalidRepeat',
  'invalidPayloadVersion',
  'invalidPayload',
  'payloadTooLarge',
  'unsafeNumber',
  'payloadTooDeep',
  'messageTooLarge',
  'undecodable',
  'invalidCommand',
  'invalidMessageVersion',
  'invalidPostId',
  'invalidTraceparent',
  'invalidUncountedCycles',
  'invalidInBurst',
  'invalidBySets',
  'invalidCarried',
  'otherWorkflowId',
  'invalidCommandId',
  'commandIdReused',
  'invalidLabel',
  'invalidOnConflict',
  'notAForwardTopic',
  'notForwarded',
  'payloadRemoved',
  'invalidAnswer',
  'invalidReason',
  'invalidAnswerWithin',
  'invalidUrl',
  'privateAddress',
  'invalidLane',
  'invalidLaneRule',
  'invalidLaneLimit',
] as const;
export type RefusalCode = (typeof REFUSAL_CODES)[number];

/**
 * The code of a malformed field of a message, the same at every edge. optional-fields.ts has the codes of the optional
 * fields.
 */
export const FIELD_CODES = {
  topic: 'invalidTopic',
  tenant: 'invalidTenant',
  key: 'invalidKey',
  cycle: 'invalidCycle',
  dueAt: 'invalidDueAt',
  leadMs: 'invalidLead',
  repeat: 'invalidRepeat',
  payload: 'invalidPayload',
  commandId: 'invalidCommandId',
} as const satisfies Record<string, RefusalCode>;

/** Why an input is refused (a validation error). `code` is stable, `field` names the offending field. */
export interface Refusal {
  code: RefusalCode;
  field: string;
  message: string;
}
