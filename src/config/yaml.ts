import { parseDocument } from 'yaml';

/** Far more than an environment's variable can have on Linux. What parsing costs grows with the square of a mapping's keys. */
const MAX_CHARACTERS = 256 * 1024;
/** So many places at most may stand for what one anchor names: a few lines could mean gigabytes. */
const MAX_ALIASES = 100;

/** The text is not YAML, or uses something that settings must not have. The message is one line. */
export class YamlError extends Error {
  override readonly name = 'YamlError';
}

/**
 * Reads YAML 1.2, and so JSON. A tag that the core schema does not have is an error: its value would be another than was meant.
 * @throws {YamlError}
 */
export function parseYaml(text: string): unknown {
  if (text.length > MAX_CHARACTERS) throw new YamlError(`may have ${MAX_CHARACTERS} characters, not ${text.length}`);
  try {
    const document = parseDocument(text, { schema: 'core', resolveKnownTags: false, stringKeys: true });
    const problem = document.errors[0] ?? document.warnings[0];
    if (problem !== undefined) throw problem;
    const value = document.toJS({ maxAliasCount: MAX_ALIASES }) as unknown;
    JSON.stringify(value); // Throws where an alias stands in what it names.
    return value;
  } catch (cause) {
    throw new YamlError(messageOf(cause as Error), { cause });
  }
}

function messageOf(error: Error): string {
  if (error.message.includes('call stack')) return 'is nested too deeply';
  if (error instanceof TypeError) return 'has an alias (*) within what it names';
  return error.message.split('\n')[0]!;
}
