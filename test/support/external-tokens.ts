/** A registry in memory that trusts the tokens of an external token server, and tokens for it. */
import { type KeyObject, sign } from 'node:crypto';
import { type JWK, SignJWT } from 'jose';
import { expect } from 'vitest';
import type { ApiClient } from './api-client.ts';
import { ecKey, rsaKey } from './certificates.ts';
import { memoryRegistry } from './memory-registry.ts';
import { publicJwk } from './token-server.ts';

const SETTINGS = {
  REGISTRY_AUTH: 'token',
  REGISTRY_AUTH_TOKEN_REALM: 'https://auth.example/token',
  REGISTRY_AUTH_TOKEN_SERVICE: 'registry.example',
  REGISTRY_AUTH_TOKEN_ISSUER: 'auth.example',
};

export const [RSA, EC, OTHER_RSA, OTHER_EC] = [rsaKey(), ecKey(), rsaKey(), ecKey()];

export function jwks(...keys: JWK[]): string {
  return JSON.stringify({ keys });
}

/** A key set with RSA and EC. */
export const KEYS = jwks(publicJwk(RSA, 'rsa'), publicJwk(EC, 'ec'));

export function externalTokenRegistry(settings: Record<string, string>, clock?: () => Date): ApiClient {
  return memoryRegistry({ ...SETTINGS, ...settings }, clock && { clock }).client;
}

export const PULL = [{ type: 'repository', name: 'team/app', actions: ['pull'] }];

export interface TokenOptions {
  readonly key?: KeyObject | Uint8Array;
  readonly header?: Record<string, unknown>;
  /** Added to the usual claims; undefined removes one. */
  readonly claims?: Record<string, unknown>;
  readonly now?: Date;
}

/** By default a valid token for pulling from team/app, signed by RSA. */
export function makeToken({
  key = RSA,
  header = { kid: 'rsa' },
  claims = {},
  now = new Date(),
}: TokenOptions = {}): Promise<string> {
  const seconds = Math.floor(now.getTime() / 1000);
  const usual = { iss: 'auth.example', aud: 'registry.example', sub: 'alice', access: PULL, nbf: seconds, exp: seconds + 300 };
  const alg = key instanceof Uint8Array ? 'HS256' : key.asymmetricKeyType === 'ec' ? 'ES256' : 'RS256';
  return new SignJWT({ ...usual, ...claims }).setProtectedHeader({ alg, ...header }).sign(key);
}

/** Signs a token as no library would: by any RSA key, with any header. */
export function resign(token: string, key: KeyObject, more: object = {}): string {
  const [header = '', payload] = token.split('.');
  const changed = { ...(JSON.parse(Buffer.from(header, 'base64url').toString()) as object), ...more };
  const signed = `${Buffer.from(JSON.stringify(changed)).toString('base64url')}.${payload}`;
  return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`;
}

export function bearer(token: string): { Authorization: string } {
  return { Authorization: `Bearer ${token}` };
}

/** A caller who is allowed to pull gets 404 for the absent manifest of `statusOf`. */
export const ALLOWED = 404;

export async function statusOf(client: ApiClient, token: string): Promise<number> {
  return (await client.get('/v2/team/app/manifests/latest', bearer(token))).status;
}

/** The error code in the challenge. */
export function errorIn(response: Response): string | undefined {
  return /error="(\w+)"/.exec(response.headers.get('WWW-Authenticate') ?? '')?.[1];
}

export async function expectRefused(client: ApiClient, token: string): Promise<void> {
  for (const path of ['/v2/', '/v2/team/app/manifests/latest']) {
    const response = await client.get(path, bearer(token));
    expect([response.status, errorIn(response)]).toEqual([401, 'invalid_token']);
  }
}
