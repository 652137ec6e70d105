import { InvalidArgumentError } from 'commander';
import { epochMsOf } from '../due-time';

/** A number above 0. */
export function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('must be a number above 0');
  return value;
}

/** An instant in RFC 3339. */
export function instant(text: string): Date {
  const epochMs = epochMsOf(text);
  if (Number.isNaN(epochMs)) throw new InvalidArgumentError('must be an instant like 2026-12-24T18:00:00Z');
  return new Date(epochMs);
}
