/** Thrown at start; the message begins with the name of the variable at fault. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}
