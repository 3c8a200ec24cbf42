/**
 * The origin of a web page as browsers write it (RFC 6454, section 6.2): in lower case, and without a default port.
 *
 * @returns undefined for what is none, and for `null`, which every page can have
 */
export function findWebOrigin(text: string): string | undefined {
  // A URL's parser takes more: users, paths, blanks, backslashes.
  return /^https?:\/\/[^\s/?#@\\]+$/i.test(text) && URL.canParse(text) ? new URL(text).origin : undefined;
}
