import { parseDocument } from 'yaml';

/** Far more than an environment variable can have on Linux. The time of parsing grows with the square of a mapping's keys. */
const MAX_CHARACTERS = 256 * 1024;
/** Without a bound, a few lines with aliases of aliases could expand to gigabytes. */
const MAX_ALIASES = 100;

/** The text is not YAML, or uses a feature that settings must not use. The message is one line. */
export class YamlError extends Error {
  override readonly name = 'YamlError';
}

/**
 * Reads YAML 1.2, and so JSON. A tag outside the core schema is an error: its value would not be the intended one.
 * @throws {YamlError}
 */
export function parseYaml(text: string): unknown {
  if (text.length > MAX_CHARACTERS) throw new YamlError(`must have at most ${MAX_CHARACTERS} characters, not ${text.length}`);
  try {
    const document = parseDocument(text, { schema: 'core', resolveKnownTags: false, stringKeys: true });
    const problem = document.errors[0] ?? document.warnings[0];
    if (problem !== undefined) throw problem;
    const value = document.toJS({ maxAliasCount: MAX_ALIASES }) as unknown;
    JSON.stringify(value); // Throws where an alias stands inside the value of its own anchor.
    return value;
  } catch (cause) {
    throw new YamlError(messageOf(cause as Error), { cause });
  }
}

function messageOf(error: Error): string {
  if (error.message.includes('call stack')) return 'is nested too deeply';
  if (error instanceof TypeError) return 'has an alias (*) inside the value of its own anchor';
  return error.message.split('\n')[0]!;
}
