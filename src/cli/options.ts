import { type Command, InvalidArgumentError } from 'commander';
import { MessageError } from '../message/admission';
import type { MessageRef } from '../message/contract';
import { epochMsOf } from '../message/due-time';
import type { Topic } from '../topics/topic';

/** Parses a number above 0. */
export function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('must be a number above 0');
  return value;
}

/** Parses a whole number from 1. */
export function wholeFromOne(text: string): number {
  const value = Number(text);
  if (!(Number.isSafeInteger(value) && value >= 1)) throw new InvalidArgumentError('must be a whole number from 1');
  return value;
}

/** Parses a position in the stream. 0 is before its first event. */
export function position(text: string): number {
  const value = Number(text);
  if (text === '' || !(Number.isSafeInteger(value) && value >= 0)) {
    throw new InvalidArgumentError('must be a whole number from 0');
  }
  return value;
}

/** Parses hours from 0 to a year. */
export function hours(text: string): number {
  const value = Number(text);
  if (text === '' || !(value >= 0 && value <= 8_784)) throw new InvalidArgumentError('must be a number from 0 to 8784');
  return value;
}

/** Parses an instant in RFC 3339. */
export function instant(text: string): Date {
  const epochMs = epochMsOf(text);
  if (Number.isNaN(epochMs)) throw new InvalidArgumentError('must be an instant like 2026-12-24T18:00:00Z');
  return new Date(epochMs);
}

const LASTS = /^(\d+)(s|m|h|d)$/;

/** Parses a duration like 90s, 10m or 1h into seconds. */
export function seconds(text: string): number {
  const [, amount, unit] = LASTS.exec(text) ?? [];
  if (!unit) throw new InvalidArgumentError('must be a time like 90s, 10m or 1h');
  return (Number(amount) * (UNIT_MS[unit] as number)) / 1_000;
}

const FROM_NOW = /^\+(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/;
const UNIT_MS: Record<string, number> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};
export const DUE = 'RFC 3339, or from now: +90s, +2h, +7d';

/** Parses a due time into epoch ms: an instant in RFC 3339, or a time from now. Throws a `MessageError`. */
export function dueTime(text: string, nowMs = Date.now()): number {
  const [, amount, unit] = FROM_NOW.exec(text) ?? [];
  const dueAt = unit ? Math.round(nowMs + Number(amount) * (UNIT_MS[unit] as number)) : epochMsOf(text);
  if (!Number.isNaN(dueAt)) return dueAt;
  const message = 'must be an instant like 2026-12-24T18:00:00Z, or a time from now like +2h or +7d';
  throw new MessageError({ code: 'invalidDueAt', field: 'dueAt', message });
}

/** The installed topic of this name. Throws a `MessageError` if there is none. */
export function topicNamed(topics: Topic[], name: string): Topic {
  const topic = topics.find((one) => one.name === name);
  if (topic) return topic;
  const message = `there is no ${name} here, only ${topics.map((one) => one.name).join(', ')}`;
  throw new MessageError({ code: 'unknownTopic', field: 'topic', message });
}

/** Adds the three options that name a message. */
export const withRef = (command: Command): Command =>
  command
    .requiredOption('--topic <topic>', 'its topic')
    .requiredOption('--tenant <tenant>', 'whose it is')
    .requiredOption('--key <key>', 'its business id');

export const refOf = ({ topic, tenant, key }: MessageRef): MessageRef => ({ topic, tenant, key });
export const nameOf = ({ topic, tenant, key }: MessageRef): string => `${topic}  ${tenant}/${key}`;

/** Adds `--json`, and an example of the command to its help. */
export const withExample = (command: Command, example: string, json = 'for other programs'): Command =>
  command.option('--json', json).addHelpText('after', `\nExample:\n  $ postdate ${example}`);
