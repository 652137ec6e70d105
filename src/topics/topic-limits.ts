import { MessageError, refuseLead } from '../message/admission';
import { refuseOptionalFields } from '../message/optional-fields';
import type { Refusal } from '../message/refusal';
import { DEFAULT_LEAD_MS } from '../message/wake';
import { refusePayloadVersion } from './payload-version';
import { BY_SETS, type Topic } from './topic';

// Slower than once a day would be a stop, not a rate.
const MIN_LANDINGS_PER_SECOND = 1 / 86_400;
const MAX_HANDLER_TIMEOUT_MS = 20_000;
// As far ahead as a due time may be. PostgreSQL's instants are limited.
const MAX_ANSWER_WITHIN_MS = 20 * 365.25 * 86_400_000;
// Long for a few statements, and short for the other messages of the group.
const DEFAULT_HANDLER_TIMEOUT_MS = 10_000;

export const leadMsOf = ({ leadMs = DEFAULT_LEAD_MS }: Pick<Topic, 'leadMs'>): number => leadMs;
/** The fields of a message that come from its topic, for every way to create a message. */
export const topicFieldsOf = (topic: Pick<Topic, 'leadMs' | 'payloadVersion'>) => ({
  leadMs: leadMsOf(topic),
  payloadVersion: topic.payloadVersion,
});
export const handlerTimeoutMsOf = ({
  handlerTimeoutMs = DEFAULT_HANDLER_TIMEOUT_MS,
}: Pick<Topic, 'handlerTimeoutMs'>): number => handlerTimeoutMs;

/** The fields of a topic that have limits. */
type Limited = Omit<Topic, 'payload' | 'handle' | 'landAll' | 'businessRows' | 'events'>;

/** Throws a `MessageError` that names the topic if its lead, rate, timeout or payload version is unusable. */
export function checkLimits(topic: Limited): void {
  const { name, leadMs, bySets, startDelayFromMs, landingsPerSecond, handlerTimeoutMs, forward } = topic;
  const refusal =
    (leadMs === undefined ? undefined : refuseLead(leadMs)) ??
    refuseUnless(isFrom(MIN_LANDINGS_PER_SECOND, landingsPerSecond), {
      code: 'invalidPace',
      field: 'landingsPerSecond',
      message: 'must be a number of landings per second, at least one a day',
    }) ??
    // If it were longer than the database's statement timeout, it would never end the wait.
    refuseUnless(isFrom(1, handlerTimeoutMs) && (handlerTimeoutMs ?? 0) <= MAX_HANDLER_TIMEOUT_MS, {
      code: 'invalidHandlerTimeout',
      field: 'handlerTimeoutMs',
      message: `must be a number of milliseconds from 1 to ${MAX_HANDLER_TIMEOUT_MS}`,
    }) ??
    refuseUnless(isFrom(1, startDelayFromMs), {
      code: 'invalidStartDelay',
      field: 'startDelayFromMs',
      message: 'must be a number of milliseconds from 1',
    }) ??
    refuseUnless(bySets === undefined || BY_SETS.includes(bySets), {
      code: 'invalidBySets',
      field: 'bySets',
      message: `must be one of ${BY_SETS.join(', ')}`,
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

// A name that PostgreSQL accepts without quotes: it becomes part of a statement's text.
const TABLE = /^[a-z_][a-z0-9_]{0,62}\.[a-z_][a-z0-9_]{0,62}$/;

function refuseObserved({ observed = [], volatile: names = [] }: Limited): Refusal | undefined {
  const code = 'invalidObserved';
  const nameless = observed.some(({ table }) => !TABLE.test(String(table)));
  if (nameless) return { code, field: 'observed', message: 'must have tables like billing.invoice' };
  const boundless = observed.some(({ where }) => !/\$2\b/.test(String(where)));
  if (boundless) return { code, field: 'observed', message: 'must have a where that names rows by $2, the key' };
  const hasUnnamed = names.some((name) => typeof name !== 'string' || name === '');
  return hasUnnamed ? { code, field: 'volatile', message: 'must have names of columns and fields' } : undefined;
}

const isFrom = (least: number, value: unknown): boolean =>
  value === undefined || (typeof value === 'number' && Number.isFinite(value) && value >= least);

const refuseUnless = (good: boolean, refusal: Refusal): Refusal | undefined => (good ? undefined : refusal);
