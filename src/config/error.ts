/** A wrong setting. The message is one line that names it, and never holds the value of a secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}
