import { type Authenticator, NO_AUTHENTICATION } from '../auth/authenticator.ts';
import { comparePassword } from '../auth/bcrypt.ts';
import { ExternalTokens } from '../auth/external-tokens.ts';
import { HtpasswdAuthenticator } from '../auth/htpasswd-authenticator.ts';
import { Mutex } from '../auth/mutex.ts';
import { Throttle, type ThrottleOptions } from '../auth/throttle.ts';
import { Tokens } from '../auth/tokens.ts';
import { userObject } from '../auth/user-object.ts';
import { Users } from '../auth/users.ts';
import type { AuthConfig, HtpasswdConfig } from '../config/auth.ts';
import { AccessRules } from '../domain/access-rules.ts';
import type { KeyRing } from '../domain/key-ring.ts';
import { type SmallObjects, readAll } from '../storage/object-store.ts';

export interface AuthPlatform extends ThrottleOptions {
  readonly store: SmallObjects;
  readonly randomId: () => string;
  /** The secret keys for one purpose. */
  readonly keys: (purpose: string) => KeyRing;
}

/** Creates the authenticator for the configured kind. */
export function createAuthenticator(config: AuthConfig, platform: AuthPlatform): Authenticator {
  if (config.kind === 'none') return NO_AUTHENTICATION;
  if (config.kind === 'htpasswd') return createHtpasswdAuthenticator(config, platform);
  const { jwks, certificates } = config.keys;
  const keys = { certificates, jwks: jwks === undefined || jwks instanceof URL ? jwks : { keys: [...jwks.keys] } };
  return new ExternalTokens({ ...config, keys, clock: platform.clock });
}

function createHtpasswdAuthenticator(
  config: HtpasswdConfig,
  { store, clock, randomId, keys, wait, limit }: AuthPlatform,
): HtpasswdAuthenticator {
  const { users: source } = config;
  const load = 'object' in source ? userObject({ read: () => readObject(store, source.object), clock }) : async () => source;
  const tokens = new Tokens({
    accessKeys: keys('berth access token'),
    refreshKeys: keys('berth refresh token'),
    clock,
    randomId,
    service: config.realm,
    lifetimeSeconds: config.tokenLifetimeSeconds,
    generation: config.generation,
  });
  const users = new Users({
    load,
    clock,
    throttle: new Throttle({ clock, wait, limit }),
    mutex: new Mutex({ wait }),
    compare: comparePassword,
  });
  return new HtpasswdAuthenticator({ users, tokens, rules: new AccessRules(config.rules) });
}

async function readObject(store: SmallObjects, key: string): Promise<string | undefined> {
  const object = await store.get(key);
  return object && new TextDecoder().decode(await readAll(object.body));
}
