import { MessageError, type Refusal, refuseLead } from './admission';
import { refuseOptionalFields } from './optional-fields';
import { refusePayloadVersion } from './payload-version';
import type { Topic } from './topic';
import { DEFAULT_LEAD_MS } from './wake';

// Slower than once a day is no pace but a stop.
const MIN_LANDINGS_PER_SECOND = 1 / 86_400;
const MAX_HANDLER_TIMEOUT_MS = 20_000;
// As far ahead as a due time may be; PostgreSQL's instants end somewhere.
const MAX_ANSWER_WITHIN_MS = 20 * 365.25 * 86_400_000;
// Long for a few statements, short for everyone else in the group.
const DEFAULT_HANDLER_TIMEOUT_MS = 10_000;

export const leadMsOf = ({ leadMs = DEFAULT_LEAD_MS }: Pick<Topic, 'leadMs'>): number => leadMs;
/** What a message has of its topic, whatever makes it. */
export const topicFieldsOf = (topic: Pick<Topic, 'leadMs' | 'payloadVersion'>) => ({
  leadMs: leadMsOf(topic),
  payloadVersion: topic.payloadVersion,
});
export const handlerTimeoutMsOf = ({
  handlerTimeoutMs = DEFAULT_HANDLER_TIMEOUT_MS,
}: Pick<Topic, 'handlerTimeoutMs'>): number => handlerTimeoutMs;

/** Throws a `MessageError` that names the topic when its lead, pace, timeout or payload version is not usable. */
export function checkLimits(topic: Topic): void {
  const { name, leadMs, landingsPerSecond, handlerTimeoutMs, forward } = topic;
  const refusal =
    (leadMs === undefined ? undefined : refuseLead(leadMs)) ??
    refuseUnless(isFrom(MIN_LANDINGS_PER_SECOND, landingsPerSecond), {
      code: 'invalidPace',
      field: 'landingsPerSecond',
      message: 'must be a number of landings per second, at least one a day',
    }) ??
    // Longer than the database gives a statement, it would never be the one that ends the wait.
    refuseUnless(isFrom(1, handlerTimeoutMs) && (handlerTimeoutMs ?? 0) <= MAX_HANDLER_TIMEOUT_MS, {
      code: 'invalidHandlerTimeout',
      field: 'handlerTimeoutMs',
      message: `must be a number of milliseconds from 1 to ${MAX_HANDLER_TIMEOUT_MS}`,
    }) ??
    refuseOptionalFields(topic) ??
    refuseUnless(isFrom(1, forward?.answerWithinMs) && (forward?.answerWithinMs ?? 0) <= MAX_ANSWER_WITHIN_MS, {
      code: 'invalidAnswerWithin',
      field: 'answerWithinMs',
      message: 'must be a number of milliseconds from 1 to 20 years',
    }) ??
    refuseObserved(topic) ??
    refusePayloadVersion(topic);
  if (refusal) throw new MessageError({ ...refusal, message: `of topic ${name} ${refusal.message}` });
}

// As PostgreSQL takes them without quotes; it goes into statements as it stands.
const TABLE = /^[a-z_][a-z0-9_]{0,62}\.[a-z_][a-z0-9_]{0,62}$/;

function refuseObserved({ observed = [], volatile: names = [] }: Topic): Refusal | undefined {
  const code = 'invalidObserved';
  const nameless = observed.some(({ table }) => !TABLE.test(String(table)));
  if (nameless) return { code, field: 'observed', message: 'must have tables like billing.invoice' };
  const boundless = observed.some(({ where }) => !/\$2\b/.test(String(where)));
  if (boundless) return { code, field: 'observed', message: 'must have a where that names rows by $2, the key' };
  const nobody = names.some((name) => typeof name !== 'string' || name === '');
  return nobody ? { code, field: 'volatile', message: 'must have names of columns and fields' } : undefined;
}

const isFrom = (least: number, value: unknown): boolean =>
  value === undefined || (typeof value === 'number' && Number.isFinite(value) && value >= least);

const refuseUnless = (good: boolean, refusal: Refusal): Refusal | undefined => (good ? undefined : refusal);
