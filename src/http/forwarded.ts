const PAIR = /(?<name>[\w!#$%&'*+.^`|~-]+)=(?:"(?<quoted>(?:[^"\\]|\\.)*)"|(?<plain>[^ ",;]*))/g;
const pair = PAIR.source.replaceAll(/\?<\w+>/g, '?:');
const ELEMENT = `((?:${pair})?(?: ?;(?: ?${pair})?)*)`;
const FIRST = new RegExp(`^ ?${ELEMENT} ?(?:,|$)`);
const LAST = new RegExp(`(?:^|,) ?${ELEMENT} ?$`);

/**
 * What one proxy has written into `Forwarded` (RFC 7239), by names in lower case: the first, next to the client, or the last,
 * next to this registry. An element that can't be read says nothing. A client can send a beginning of its own, such as an open
 * quotation mark: the last element is looked for at the end, where only the proxy writes.
 */
export function readForwarded(header: string | null, which: 'first' | 'last'): ReadonlyMap<string, string> {
  // A long run of blanks would take the expressions a time that grows with its square.
  const text = (header ?? '').replaceAll(/[ \t]+/g, ' ');
  const element = (which === 'first' ? FIRST : LAST).exec(text)?.[1] ?? '';
  return new Map(
    Array.from(element.matchAll(PAIR), ({ groups: { name, quoted, plain } = {} }) => [
      name!.toLowerCase(),
      quoted ?? plain ?? '',
    ]),
  );
}
