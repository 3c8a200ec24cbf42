/** The settings for headers, `REGISTRY_HTTP_HEADERS_<header>`. Their names aren't in the table of settings. */
import { z } from 'zod';
import { ConfigError } from './error.ts';
import { yaml } from './values.ts';

export const HEADERS_PREFIX = 'REGISTRY_HTTP_HEADERS_';

const VALUE = z.union([z.string(), z.array(z.union([z.string(), z.boolean(), z.number()]))]);

/**
 * The headers of every answer, as with `http.headers` of registry:2. The name of a header follows the prefix, with `_` for
 * `-`. The value is a text, or a list of texts, flags and numbers.
 *
 * @throws {ConfigError}
 */
export function headersOf(settings: readonly (readonly [string, unknown])[]): Record<string, string> {
  const headers: Record<string, string> = { 'X-Content-Type-Options': 'nosniff' };
  for (const [name, value] of settings.filter(([each]) => each.startsWith(HEADERS_PREFIX))) {
    const header = name.slice(HEADERS_PREFIX.length).replaceAll('_', '-');
    const parsed = VALUE.safeParse(headerValue(String(value)));
    const content = parsed.success ? [parsed.data].flat().join(', ') : '\n';
    if (!/^[!#$%&'*+.^`|~\w-]+$/.test(header) || !/^[\x20-\x7e]*$/.test(content))
      throw new ConfigError(`${name} must be a text or a list of texts, and its name must end with the name of a header`);
    const known = Object.keys(headers).find((each) => each.toLowerCase() === header.toLowerCase());
    headers[known ?? header] = content;
  }
  return headers;
}

function headerValue(text: string): unknown {
  return text.startsWith('[') ? yaml.safeParse(text).data : text;
}
