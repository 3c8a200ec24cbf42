/** A wrong setting. The message is one line with its name, and never has the value of a secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}
