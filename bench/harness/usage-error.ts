/** What its user did to a benchmark, a mistyped command or Ctrl-C: said in one line, without a stack. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
