// URL.canParse accepts more: users, paths, spaces, backslashes.
const ORIGIN = /^[a-z][a-z\d+.-]*:\/\/[^\s,/?#@\\]+$/i;

/**
 * Parses the origin of a web page into the form that browsers send (RFC 6454, section 6.2): in lower case, without a default
 * port.
 *
 * @returns undefined for a text that is not an origin, and for `null`: any page can have that origin
 */
export function findWebOrigin(text: string): string | undefined {
  if (!ORIGIN.test(text) || !URL.canParse(text)) return undefined;
  const { origin } = new URL(text);
  // URL gives no origin for the schemes of desktop apps, such as tauri://localhost.
  return origin === 'null' ? text.toLowerCase() : origin;
}
