// A URL's parser takes more: users, paths, blanks, backslashes.
const ORIGIN = /^[a-z][a-z\d+.-]*:\/\/[^\s,/?#@\\]+$/i;

/**
 * The origin of a web page as browsers write it (RFC 6454, section 6.2): in lower case, and without a default port.
 *
 * @returns undefined for a text that is not an origin, and for `null`, which every page can have
 */
export function findWebOrigin(text: string): string | undefined {
  if (!ORIGIN.test(text) || !URL.canParse(text)) return undefined;
  const { origin } = new URL(text);
  // Of the schemes that programs with pages inside have, such as tauri://localhost, a URL tells no origin.
  return origin === 'null' ? text.toLowerCase() : origin;
}
