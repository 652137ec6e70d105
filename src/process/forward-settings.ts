import { z } from 'zod';
import { admit, refuseRef } from '../message/admission';
import { checkLimits } from '../topics/topic-limits';

const amount = z.coerce.number().optional();
const settings = z.strictObject({
  leadMs: amount,
  landingsPerSecond: amount,
  staleAfterMs: amount,
  answerWithinMs: amount,
});

/** A forward topic as the environment declares it: a topic without a handler. */
export type ForwardSettings = { name: string } & z.output<typeof settings>;

/**
 * Parses forward topics from text like `orders.reminder,orders.expiry?answerWithinMs=86400000&leadMs=60000`: names,
 * each with the settings that differ from the defaults. Throws an error that says what is wrong.
 */
export function forwardSettingsIn(text: string): ForwardSettings[] {
  const declared = text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
  return declared.map((one) => {
    const [name = '', query = ''] = one.split('?', 2);
    const given = [...new URLSearchParams(query)];
    const parsed = settings.safeParse(Object.fromEntries(given));
    if (!parsed.success) throw new Error(`${name}: ${problemOf(parsed.error)}`);
    const { answerWithinMs, ...limits } = parsed.data;
    admit(refuseRef({ topic: name, tenant: 'any', key: 'any' }));
    checkLimits({ name, ...limits, forward: { answerWithinMs } });
    return { name, ...parsed.data };
  });
}

function problemOf({ issues: [issue] }: z.ZodError): string {
  if (issue?.code === 'unrecognized_keys') {
    return `${issue.keys[0]} is no setting; there are ${Object.keys(settings.shape).join(', ')}`;
  }
  return `${issue?.path.join('.')} must be a number`;
}
