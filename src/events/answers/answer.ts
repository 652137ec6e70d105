import { z } from 'zod';
import { admit, refuseCycle, refuseDueAt, refuseRef } from '../../message/admission';
import type { MessageRef } from '../../message/contract';
import { epochMsOf, rfc3339 } from '../../message/due-time';
import type { Refusal } from '../../message/refusal';
import type { Queryable } from '../../platform/database/pool';
import { refusalByDatabase } from '../../producing/in-transaction';

/** The longest reason, in characters. */
export const MAX_REASON = 2_000;

/** A consumer's answer to a forwarded message: as JSON, over HTTP or in the response to a webhook. */
export const ForwardAnswer = z.discriminatedUnion('do', [
  z.strictObject({ do: z.literal('done') }),
  z.strictObject({
    do: z.literal('again'),
    dueAt: z.string().meta({
      format: 'date-time',
      description: 'RFC 3339 with Z or an offset: when it is due again, in its next cycle',
    }),
  }),
  z.strictObject({
    do: z.literal('failed'),
    reason: z
      .string()
      .min(1)
      .max(MAX_REASON)
      // A check and not a pattern: a pattern would be in the document for listeners, and each language would read it
      // differently.
      .refine((text) => !/\0|\p{Surrogate}/u.test(text)),
  }),
]);
export type ForwardAnswer = z.infer<typeof ForwardAnswer>;

/** The names of all answers. */
export const FORWARD_ANSWERS = { done: 'done', again: 'again', failed: 'failed' } as const satisfies {
  [Name in ForwardAnswer['do']]: Name;
};

/**
 * The first answer to this cycle: this one (`answered`), or an earlier one (`answeredBefore`). `next` is the cycle that
 * "again" has posted. `tooLate`: the message was posted again before, as this later cycle, and the answer was not
 * taken.
 */
export type Answered =
  | {
      result: 'answered' | 'answeredBefore';
      do: ForwardAnswer['do'];
      answeredAt: string;
      next?: { cycle: number; dueAt: string };
      reason?: string;
    }
  | { result: 'tooLate'; cycle: number };

// Written out, because zod's own texts describe the inside of the schema.
const REFUSALS: Record<string, Refusal> = {
  do: { code: 'invalidAnswer', field: 'do', message: 'must be done, again or failed' },
  dueAt: { code: 'invalidDueAt', field: 'dueAt', message: 'must be RFC 3339 with Z or an offset' },
  reason: {
    code: 'invalidReason',
    field: 'reason',
    message: `must be a text of 1 to ${MAX_REASON} characters without NUL`,
  },
};

/** Why an answer cannot be taken, by HTTP, SQL, webhook or command line alike. */
export function refuseAnswer(answer: unknown): Refusal | undefined {
  const parsed = ForwardAnswer.safeParse(answer);
  if (parsed.success) {
    if (parsed.data.do !== 'again') return undefined;
    const dueAt = epochMsOf(parsed.data.dueAt);
    return Number.isNaN(dueAt) ? REFUSALS.dueAt : refuseDueAt({ dueAt }, Date.now());
  }
  const [issue] = parsed.error.issues;
  if (issue?.code !== 'unrecognized_keys') return REFUSALS[String(issue?.path[0] ?? 'do')];
  const field = String(issue.keys[0]);
  return { code: REFUSALS[field]?.code ?? 'invalidAnswer', field, message: 'is no part of this answer' };
}

/**
 * Records a consumer's answer to a forwarded message. The first answer to a cycle stands, and each later call returns
 * that one. "again" posts the next cycle and "failed" emits the event `postdate.failed`, if and only if the transaction
 * commits. Throws a `MessageError` for bad input, for a message that was never forwarded, and for a topic that does not
 * forward.
 */
export async function recordAnswer(
  db: Queryable,
  { topic, tenant, key, cycle }: MessageRef & { cycle: number },
  answer: ForwardAnswer,
): Promise<Answered> {
  admit(refuseRef({ topic, tenant, key }) ?? refuseCycle(cycle) ?? refuseAnswer(answer));
  // In UTC, because PostgreSQL knows fewer offsets than RFC 3339 allows.
  const given = answer.do === 'again' ? { ...answer, dueAt: rfc3339(epochMsOf(answer.dueAt)) } : answer;
  try {
    const { rows } = await db.query<{ answered: Answered }>('select postdate.answer($1, $2, $3, $4, $5) as answered', [
      topic,
      tenant,
      key,
      cycle,
      JSON.stringify(given),
    ]);
    return (rows[0] as { answered: Answered }).answered;
  } catch (error) {
    throw refusalByDatabase(error as { code?: string; detail?: string; message: string }) ?? error;
  }
}
