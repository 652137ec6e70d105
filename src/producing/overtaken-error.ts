/**
 * Thrown if others have posted, moved or ended a message again and again meanwhile. Nothing was done. The same call,
 * with the same `commandId`, can be made again.
 */
export class OvertakenError extends Error {
  override readonly name = 'OvertakenError';
  readonly code = 'overtaken';
}
