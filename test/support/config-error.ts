import { parseConfig } from '../../src/config/config.ts';
import { ConfigError } from '../../src/config/error.ts';

/** The message about the first wrong setting; `no error` where all are right. */
export function configErrorOf(env: Readonly<Record<string, string>>): string {
  try {
    parseConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return 'no error';
}
