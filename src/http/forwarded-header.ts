const PAIR = /(?<name>[\w!#$%&'*+.^`|~-]+)=(?:"(?<quoted>(?:[^"\\]|\\.)*)"|(?<plain>[^ ",;]*))/g;
const pair = PAIR.source.replaceAll(/\?<\w+>/g, '?:');
const ELEMENT = `((?:${pair})?(?: ?;(?: ?${pair})?)*)`;
const FIRST = new RegExp(`^ ?${ELEMENT} ?(?:,|$)`);
const LAST = new RegExp(`(?:^|,) ?${ELEMENT} ?$`);

/**
 * Reads one element of a `Forwarded` header (RFC 7239, section 4): its parameters by their names in lower case. The first
 * element comes from the proxy next to the client, the last from the proxy next to this registry. An unreadable element gives
 * no parameters. The last is matched at the end, where only the proxy writes: a client can send a start with an open quote.
 */
export function readForwarded(header: string | null, which: 'first' | 'last'): ReadonlyMap<string, string> {
  // On a long run of spaces the expressions would take quadratic time.
  const text = (header ?? '').replaceAll(/[ \t]+/g, ' ');
  const element = (which === 'first' ? FIRST : LAST).exec(text)?.[1] ?? '';
  return new Map(
    Array.from(element.matchAll(PAIR), ({ groups: { name, quoted, plain } = {} }) => [
      name!.toLowerCase(),
      quoted ?? plain ?? '',
    ]),
  );
}
