/** What readers of JSON may take differently, or cannot store. */
export const JSON_REFUSALS = [
  'bodyTooDeep',
  'duplicateName',
  'forbiddenName',
  'unstorableText',
  'unsafeNumber',
] as const;
export type JsonRefusalCode = (typeof JSON_REFUSALS)[number];

/** Thrown for a JSON text that is refused. `field`: the place, as names and indices with dots between them, or `body`. */
export class JsonRefusal extends Error {
  override readonly name = 'JsonRefusal';

  readonly code: JsonRefusalCode;
  readonly field: string;
  readonly rule: string;

  constructor(code: JsonRefusalCode, path: readonly (string | number)[], rule: string) {
    const field =
      path
        .slice(0, 8)
        .join('.')
        .slice(0, 200)
        .replace(/\0|\p{Surrogate}/gu, '\ufffd') || 'body';
    super(`${field}: ${rule}`);
    this.code = code;
    this.field = field;
    this.rule = rule;
  }
}
