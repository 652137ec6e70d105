import type { BenchArgs } from './context';
import { UsageError } from './usage-error';

const UNITS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Promises a whole number from an option, or the default where it is not given; throws with the option's name. */
export function wholeNumber(args: BenchArgs, option: string, otherwise: number, from = 1): number {
  const given = args[option];
  if (given === undefined) return otherwise;
  const number = Number(given);
  if (given !== '' && Number.isSafeInteger(number) && number >= from) return number;
  throw new UsageError(`--${option}: must be a whole number from ${from}`);
}

/** Promises a duration from an option (`500ms`, `10s`, `4m`, `1h`), or the default; throws with the option's name. */
export function durationMs(args: BenchArgs, option: string, otherwiseMs: number): number {
  const given = args[option];
  if (given === undefined) return otherwiseMs;
  const [, digits, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(String(given)) ?? [];
  const ms = Number(digits) * (UNITS[unit ?? ''] ?? Number.NaN);
  if (ms > 0) return ms;
  throw new UsageError(`--${option}: must be a duration such as 500ms, 10s, 4m or 1h`);
}

/** Promises the words of an option that takes several, separated by commas; nothing where it is not given. */
export function words(args: BenchArgs, option: string): string[] | undefined {
  const given = args[option];
  return given === undefined ? undefined : String(given).split(',').filter(Boolean);
}
