/**
 * An event's data as JSON. Throws a `TypeError` with the field's name for a number that JSON does not have: a listener would get
 * null in place of an amount.
 */
export function eventDataText(data: Record<string, unknown>): string {
  const text = JSON.stringify(data);
  if (text === undefined) throw new TypeError("an event's data must be an object");
  // Such a number is written as null. Few events have one.
  if (text.includes('null')) JSON.stringify(data, refuseNoNumber);
  return text;
}

function refuseNoNumber(field: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new TypeError(`an event's data has ${value} in ${field}, which JSON cannot say`);
  }
  return value;
}
