/** The settings of authentication and authorization. */
import { DEFAULT_RULES } from '../domain/access-rules.ts';
import type { DeepReadonly } from './deep-readonly.ts';
import { ConfigError } from './error.ts';
import type { Settings } from './settings.ts';

export type AuthConfig = DeepReadonly<ReturnType<typeof authConfig>>;
export type HtpasswdConfig = Extract<AuthConfig, { readonly kind: 'htpasswd' }>;

/**
 * @param given - the names of the settings that were set; a setting of another kind of authentication would have no effect
 * @throws {ConfigError}
 */
export function authConfig(settings: Settings, given: readonly string[]) {
  const kind = settings.REGISTRY_AUTH ?? 'none';
  for (const name of given) {
    const owner = ownerOf(name);
    if (owner !== undefined && owner !== kind) throw new ConfigError(`${name} has no effect without REGISTRY_AUTH=${owner}`);
  }
  if (kind === 'htpasswd') return htpasswdConfig(settings);
  if (kind === 'token') return tokenConfig(settings);
  return { kind } as const;
}

function ownerOf(name: string): 'htpasswd' | 'token' | undefined {
  if (name.startsWith('REGISTRY_AUTH_TOKEN_')) return 'token';
  return name.startsWith('REGISTRY_AUTH_HTPASSWD') || name === 'REGISTRY_ACCESS' ? 'htpasswd' : undefined;
}

function htpasswdConfig(settings: Settings) {
  const { REGISTRY_AUTH_HTPASSWD: users, REGISTRY_AUTH_HTPASSWD_OBJECT: object } = settings;
  if ((users === undefined) === (object === undefined))
    throw new ConfigError(
      'REGISTRY_AUTH=htpasswd needs one of REGISTRY_AUTH_HTPASSWD and REGISTRY_AUTH_HTPASSWD_OBJECT, and not both',
    );
  return {
    kind: 'htpasswd' as const,
    realm: settings.REGISTRY_AUTH_HTPASSWD_REALM,
    /** The users, or the key of the object with the users. */
    users: users ?? { object: object! },
    rules: settings.REGISTRY_ACCESS ?? DEFAULT_RULES,
    tokenLifetimeSeconds: settings.REGISTRY_AUTH_HTPASSWD_TOKENLIFETIME,
    generation: settings.REGISTRY_AUTH_HTPASSWD_GENERATION,
  };
}

function tokenConfig(settings: Settings) {
  const required = (name: 'REALM' | 'SERVICE' | 'ISSUER') => {
    const value = settings[`REGISTRY_AUTH_TOKEN_${name}`];
    if (value === undefined) throw new ConfigError(`REGISTRY_AUTH=token needs REGISTRY_AUTH_TOKEN_${name}`);
    return value;
  };
  const { REGISTRY_AUTH_TOKEN_JWKS: jwks, REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE: certificates = [] } = settings;
  if (jwks === undefined && certificates.length === 0)
    throw new ConfigError('REGISTRY_AUTH=token needs REGISTRY_AUTH_TOKEN_JWKS or REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE');
  return {
    kind: 'token' as const,
    /** The URL of the server that issues tokens. */
    realm: required('REALM'),
    service: required('SERVICE'),
    issuer: required('ISSUER'),
    keys: { jwks, certificates },
  };
}
