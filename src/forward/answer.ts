import { z } from 'zod';
import { admit, type Refusal, refuseCycle, refuseDueAt, refuseRef } from '../admission';
import type { MessageRef } from '../contract';
import type { Queryable } from '../database';
import { refusalOf } from '../dispatch/in-transaction';
import { epochMsOf, rfc3339 } from '../due-time';

/** Of a reason, in characters. */
export const MAX_REASON = 2_000;

/** What a consumer says of a message that it was given; as JSON, over HTTP or in the response to a webhook. */
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
      // No pattern, as it stands in the document for listeners, whose languages would each read it in another way.
      .refine((text) => !/\0|\p{Surrogate}/u.test(text)),
  }),
]);
export type ForwardAnswer = z.infer<typeof ForwardAnswer>;

/** The names of all answers. */
export const FORWARD_ANSWERS = { done: 'done', again: 'again', failed: 'failed' } as const satisfies {
  [Name in ForwardAnswer['do']]: Name;
};

/**
 * The first answer to this cycle: this one, or the one `answeredBefore`. `next`: the cycle that "again" has posted.
 * `tooLate`: the message had been posted again before, as this later cycle, and the answer was not taken.
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

// The words that a schema of zod has for what is wrong would be those of its inside.
const REFUSALS: Record<string, Refusal> = {
  do: { code: 'invalidAnswer', field: 'do', message: 'must be done, again or failed' },
  dueAt: { code: 'invalidDueAt', field: 'dueAt', message: 'must be RFC 3339 with Z or an offset' },
  reason: {
    code: 'invalidReason',
    field: 'reason',
    message: `must be a text of 1 to ${MAX_REASON} characters without NUL`,
  },
};

/** Checks an answer, whoever gives it. */
export function refuseAnswer(answer: unknown): Refusal | undefined {
  const parsed = ForwardAnswer.safeParse(answer);
  if (parsed.success) {
    if (parsed.data.do !== 'again') return undefined;
    const dueAt = epochMsOf(parsed.data.dueAt);
    return Number.isNaN(dueAt) ? REFUSALS.dueAt : refuseDueAt(dueAt, Date.now());
  }
  const [issue] = parsed.error.issues;
  if (issue?.code !== 'unrecognized_keys') return REFUSALS[String(issue?.path[0] ?? 'do')];
  const field = String(issue.keys[0]);
  return { code: REFUSALS[field]?.code ?? 'invalidAnswer', field, message: 'is no part of this answer' };
}

/**
 * Records what a consumer says of a forwarded message. The first answer to a cycle stands, and every later one is told it.
 * "again" posts the next cycle, and "failed" tells everyone, if and only if the transaction commits. Throws a
 * `MessageError` for bad input, for what was never forwarded, and for a topic that does not forward.
 */
export async function recordAnswer(
  db: Queryable,
  { topic, tenant, key, cycle }: MessageRef & { cycle: number },
  answer: ForwardAnswer,
): Promise<Answered> {
  admit(refuseRef({ topic, tenant, key }) ?? refuseCycle(cycle) ?? refuseAnswer(answer));
  // In UTC: PostgreSQL knows fewer offsets than RFC 3339 has.
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
    throw refusalOf(error as { code?: string; detail?: string; message: string }) ?? error;
  }
}
