/** Challenges: the `WWW-Authenticate` header tells a client how to authenticate (RFC 9110, section 11.6.1). */

export function basicChallenge(realm: string): Record<string, string> {
  return { 'WWW-Authenticate': `Basic realm=${quoted(realm)}` };
}

export interface BearerParameters {
  /** The URL of the token server. */
  readonly realm: string;
  readonly service: string;
  readonly scope?: string | undefined;
  readonly error?: string | undefined;
}

/** https://distribution.github.io/distribution/spec/auth/token/ and RFC 6750, section 3 */
export function bearerChallenge(parameters: BearerParameters): Record<string, string> {
  const present = Object.entries(parameters).filter(([, value]) => value !== undefined);
  return { 'WWW-Authenticate': `Bearer ${present.map(([name, value]) => `${name}=${quoted(String(value))}`).join(',')}` };
}

/** Writes a quoted-string (RFC 9110, section 5.6.4). */
function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
