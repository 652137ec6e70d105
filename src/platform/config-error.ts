/** Thrown at start. The message begins with the name of the wrong variable. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}
