const HOST = /^(?:[\w.-]+|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?$/;

/** The name or address in `host` or `host:port`, normalized as in URLs; undefined where a URL can't have this host. */
export function findHostName(text: string): string | undefined {
  const url = `http://${text}`;
  return HOST.test(text) && URL.canParse(url) ? hostNameOf(url) : undefined;
}

/** The host of a URL, without the dot that ends a full domain name. */
export function hostNameOf(url: string): string {
  return new URL(url).hostname.replace(/\.$/, '');
}

/**
 * Whether a browser connects to its own machine for this name without asking a name server (RFC 6761, section 6.3).
 *
 * @param name - normalized, as `hostNameOf` gives it
 */
export function isLoopbackName(name: string): boolean {
  return /^(?:(?:.+\.)?localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(name);
}
