/** A token server for `auth: token` of registry:2: https://distribution.github.io/distribution/spec/auth/token/ */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type JSONWebKeySet, type JWK, SignJWT } from 'jose';
import { basic } from './users.ts';

export interface TokenServerOptions {
  readonly service: string;
  readonly issuer: string;
  readonly user: string;
  readonly password: string;
  readonly key: KeyObject;
}

export interface TokenServer {
  readonly url: string;
  /** Its key set; null: it answers with an error status. */
  keys: JSONWebKeySet | null;
  /** How often the key set was requested. */
  readonly fetches: () => number;
  /** The accepted logins. */
  readonly logins: () => number;
  close(): Promise<void>;
}

/** Grants its only user everything that is requested. */
export async function startTokenServer(options: TokenServerOptions): Promise<TokenServer> {
  const { user, password, key } = options;
  let [fetches, logins] = [0, 0];
  const answer = async ({ url = '', headers }: IncomingMessage): Promise<[number, object]> => {
    const { pathname, searchParams } = new URL(url, 'http://token.test');
    if (pathname === '/keys') {
      fetches += 1;
      return server.keys === null ? [500, { keys: [publicJwk(key, 'main')] }] : [200, server.keys];
    }
    if (headers.authorization !== basic(user, password)) return [401, {}];
    logins += 1;
    const token = await new SignJWT({ access: searchParams.getAll('scope').flatMap((scopes) => scopes.split(' ').map(grantOf)) })
      .setProtectedHeader({ alg: key.asymmetricKeyType === 'ec' ? 'ES256' : 'RS256', kid: 'main' })
      .setIssuer(options.issuer)
      .setAudience(searchParams.get('service') ?? '')
      .setSubject(user)
      .setIssuedAt()
      .setExpirationTime('5m')
      .sign(key);
    return [200, { token, expires_in: 300 }];
  };
  const listener = createServer((request, response) => {
    void answer(request).then(([status, body]) =>
      response.writeHead(status, { 'Content-Type': 'application/json', Connection: 'close' }).end(JSON.stringify(body)),
    );
  }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const server: TokenServer = {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    keys: { keys: [publicJwk(key, 'main')] },
    fetches: () => fetches,
    logins: () => logins,
    close: async () => {
      listener.close();
      listener.closeAllConnections();
      await once(listener, 'close');
    },
  };
  return server;
}

export function publicJwk(key: KeyObject, kid: string): JWK {
  return { ...createPublicKey(key).export({ format: 'jwk' }), kty: key.asymmetricKeyType === 'ec' ? 'EC' : 'RSA', kid };
}

function grantOf(scope: string): object {
  const [type, name, actions = ''] = scope.split(':');
  return { type, name, actions: actions.split(',') };
}
