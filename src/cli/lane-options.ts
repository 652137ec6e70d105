import { type Command, InvalidArgumentError } from 'commander';
import type { LaneMatch } from '../delivery/lanes/lane';
import { identityOfCaller } from './connections';
import { position } from './options';

/** The options that all commands of a lane have. */
export interface LaneOptions {
  topic: string;
  lane: string;
  reason?: string;
  author?: string;
  ifVersion?: number;
  dryRun?: boolean;
  yes?: boolean;
}

/** Adds the options for the lane, and for the author of the change. */
export const withLane = (command: Command): Command =>
  command
    .requiredOption('--topic <topic>', 'of this topic')
    .requiredOption('--lane <lane>', 'its name, for example canary')
    .option('--author <name>', 'who wants it, for the record; else user@host')
    .option(
      '--if-version <number>',
      'only if the lanes are still at this version, as postdate lanes shows it',
      position,
    );

/** Adds the options of a change that can be examined before it is made. */
export const withDryRun = (command: Command): Command =>
  command
    .option('--dry-run', 'change nothing, and say which waiting messages and tenants it would catch')
    .option('--yes', 'do not look at what waits, nor ask, even if it is drastic');

export const withReason = (command: Command): Command =>
  command.option('--reason <text>', 'why, for the record', 'by an operator');

/** The part of a request that all commands of a lane have in common. */
export const requestOf = ({ topic, lane, reason = '', author = identityOfCaller(), ifVersion }: LaneOptions) => ({
  ...{ topic, lane, reason, author, ifVersion },
});

export const names = (text: string): string[] => text.split(',').map((name) => name.trim());
/** A text that is no number becomes NaN. The request's own check refuses it, with its code. */
export const number = (text: string): number => (text.trim() === '' ? Number.NaN : Number(text));
export const numbers = (text: string): number[] => text.split(',').map(number);

/**
 * Parses `path=value,…` and adds it to the rules before. A value that looks like a number, true or false matches both
 * that value and the text.
 */
export function attribute(text: string, before: LaneMatch[] = []): LaneMatch[] {
  const [, path, values] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
  if (path === undefined || values === undefined) {
    throw new InvalidArgumentError('must be path=value, or path=value,value');
  }
  const oneOf = values.split(',').flatMap((value) => [value, ...meaningOf(value)]);
  return [...before, { attribute: path, oneOf }];
}

function meaningOf(text: string): (number | boolean)[] {
  if (text === 'true' || text === 'false') return [text === 'true'];
  return text !== '' && String(Number(text)) === text ? [Number(text)] : [];
}
