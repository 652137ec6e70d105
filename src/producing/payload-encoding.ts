import type { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow';

export type Payload = NonNullable<Parameters<typeof decodeArrayFromPayloads>[1]>[number];

// The name comes from a foreign client, and goes to a log and a terminal.
const MOST_CHARACTERS = 60;

/** The encoding that a payload says it has, for a person to read. The payload's contents are not quoted. */
export function encodingOf({ metadata }: Payload): string {
  const encoding = metadata?.encoding;
  if (!encoding?.length) return 'without an encoding';
  const name = Buffer.from(encoding.subarray(0, MOST_CHARACTERS)).toString('latin1');
  return `encoding ${name.replaceAll(/[^\x21-\x7e]/g, '?')}`;
}
