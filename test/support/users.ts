import { hashSync } from 'bcryptjs';
import { SignJWT } from 'jose';
import { KeyRing } from '../../src/domain/key-ring.ts';
import type { Grant } from '../../src/domain/scope.ts';

/** Lines of an htpasswd file, with the lowest cost of bcrypt. */
export function htpasswd(passwords: Readonly<Record<string, string>>): string {
  return Object.entries(passwords)
    .map(([user, password]) => `${user}:${hashSync(password, 4)}`)
    .join('\n');
}

export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

export const SECRET = 'a secret of the operator for tests';

export interface Forgery {
  readonly purpose?: string;
  readonly secret?: string;
  readonly audience?: string;
  readonly issuer?: string;
  /** Seconds from now. */
  readonly notBefore?: number;
  readonly expires?: number;
  readonly claims?: object;
}

/** An access token as from the registry, except for the forged parts. */
export async function forgeToken(user: string, access: readonly Grant[], forgery: Forgery = {}): Promise<string> {
  const { purpose = 'berth access token', secret = SECRET, audience = 'Berth', issuer = 'berth', claims = {} } = forgery;
  const { id, key } = await new KeyRing({ secrets: async () => [secret], purpose }).first();
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ user, access, generation: 0, ...claims })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT', kid: id })
    .setIssuer(issuer)
    .setAudience(audience)
    .setNotBefore(now + (forgery.notBefore ?? 0))
    .setExpirationTime(now + (forgery.expires ?? 300))
    .sign(key);
}

/** The token with other claims and the old signature; or, with `none`, without a signature. */
export function tamper(token: string, change: (claims: Record<string, unknown>) => object, algorithm?: 'none'): string {
  const [header, payload, signature] = token.split('.') as [string, string, string];
  const decode = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const changed = encode(change(decode(payload)));
  return algorithm === undefined ? `${header}.${changed}.${signature}` : `${encode({ alg: 'none', typ: 'JWT' })}.${changed}.`;
}
