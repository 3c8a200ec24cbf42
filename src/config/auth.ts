/** The settings of authentication and authorization. */
import type { TrustedKeys } from '../auth/external-tokens.ts';
import { ConfigError } from './error.ts';
import { type AccessRule, DEFAULT_RULES } from '../domain/access-rules.ts';
import type { UserFile } from '../domain/htpasswd.ts';
import type { Settings } from './config.ts';

export type AuthConfig =
  | { readonly kind: 'none' }
  | HtpasswdConfig
  | {
      readonly kind: 'token';
      /** The URL of the server that gives tokens. */
      readonly realm: string;
      readonly service: string;
      readonly issuer: string;
      readonly keys: TrustedKeys;
    };

export interface HtpasswdConfig {
  readonly kind: 'htpasswd';
  readonly realm: string;
  /** The users, or the key of the object that holds them. */
  readonly users: UserFile | { readonly object: string };
  readonly rules: readonly AccessRule[];
  readonly tokenLifetimeSeconds: number;
  readonly generation: number;
}

/**
 * @param given - the names that were set: one that belongs to another kind would be passed over in silence
 * @throws {ConfigError}
 */
export function authConfig(settings: Settings, given: readonly string[]): AuthConfig {
  const kind = settings.REGISTRY_AUTH ?? 'none';
  for (const name of given) {
    const owner = ownerOf(name);
    if (owner !== undefined && owner !== kind) throw new ConfigError(`${name} needs REGISTRY_AUTH=${owner} beside it`);
  }
  if (kind === 'htpasswd') return htpasswdConfig(settings);
  if (kind === 'token') return tokenConfig(settings);
  return { kind };
}

function ownerOf(name: string): 'htpasswd' | 'token' | undefined {
  if (name.startsWith('REGISTRY_AUTH_TOKEN_')) return 'token';
  return name.startsWith('REGISTRY_AUTH_HTPASSWD') || name === 'REGISTRY_ACCESS' ? 'htpasswd' : undefined;
}

function htpasswdConfig(settings: Settings): AuthConfig {
  const { REGISTRY_AUTH_HTPASSWD: users, REGISTRY_AUTH_HTPASSWD_OBJECT: object } = settings;
  if ((users === undefined) === (object === undefined))
    throw new ConfigError('REGISTRY_AUTH=htpasswd needs either REGISTRY_AUTH_HTPASSWD or REGISTRY_AUTH_HTPASSWD_OBJECT');
  return {
    kind: 'htpasswd',
    realm: settings.REGISTRY_AUTH_HTPASSWD_REALM,
    users: users ?? { object: object! },
    rules: settings.REGISTRY_ACCESS ?? DEFAULT_RULES,
    tokenLifetimeSeconds: settings.REGISTRY_AUTH_HTPASSWD_TOKENLIFETIME,
    generation: settings.REGISTRY_AUTH_HTPASSWD_GENERATION,
  };
}

function tokenConfig(settings: Settings): AuthConfig {
  const required = (name: 'REALM' | 'SERVICE' | 'ISSUER') => {
    const value = settings[`REGISTRY_AUTH_TOKEN_${name}`];
    if (value === undefined) throw new ConfigError(`REGISTRY_AUTH=token needs REGISTRY_AUTH_TOKEN_${name}`);
    return value;
  };
  const { REGISTRY_AUTH_TOKEN_JWKS: jwks, REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE: certificates = [] } = settings;
  if (jwks === undefined && certificates.length === 0)
    throw new ConfigError('REGISTRY_AUTH=token needs REGISTRY_AUTH_TOKEN_JWKS or REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE');
  return {
    kind: 'token',
    realm: required('REALM'),
    service: required('SERVICE'),
    issuer: required('ISSUER'),
    keys: { jwks, certificates },
  };
}
