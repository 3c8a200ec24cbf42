/**
 * The settings: their names, the form of each value, and its default. Nothing else in the worker reads such a name.
 *
 * Names are registry:2's (https://distribution.github.io/distribution/about/configuration/). Settings that registry:2
 * doesn't have are named in the same style. docs/configuration.md explains each.
 */
import { z } from 'zod';
import { accessRules } from '../domain/access-rules.ts';
import { duration } from '../domain/duration.ts';
import { HtpasswdError, parseHtpasswd } from '../domain/htpasswd.ts';
import { immutableTagRules } from '../domain/immutable-tags.ts';
import { retentionRules } from '../domain/retention.ts';
import { LOG_LEVELS } from '../lib/log.ts';
import { ConfigError } from './error.ts';
import { flag, hostNames, httpUrl, jwks, parsedBy, pem, plainText, text, wholeNumber, yaml } from './values.ts';

const MIB = 1024 * 1024;

/** Where the registry keeps its data: storage/keys.ts. */
const LAYOUT = /^(objects|repositories|catalog|uploads|system)\//;

/** Every setting of this version. A test compares the names with docs/configuration.md. */
export const SETTINGS = {
  REGISTRY_STORAGE: z.enum(['s3', 'r2'], 'must be s3 or r2').optional(),
  REGISTRY_STORAGE_S3_BUCKET: text.optional(),
  REGISTRY_STORAGE_S3_REGION: text.default('us-east-1'),
  REGISTRY_STORAGE_S3_REGIONENDPOINT: httpUrl.optional(),
  REGISTRY_STORAGE_S3_ACCESSKEY: text.optional(),
  REGISTRY_STORAGE_S3_SECRETKEY: text.optional(),
  REGISTRY_STORAGE_S3_FORCEPATHSTYLE: flag.default(true),
  REGISTRY_STORAGE_S3_ROOTDIRECTORY: z
    .string()
    .transform((path) => path.replace(/^\/+|\/+$/g, ''))
    .refine(
      (path) => path.length <= 200 && /^([a-zA-Z0-9][a-zA-Z0-9._-]*(\/|$))*$/.test(path),
      'must be a path of at most 200 letters, digits, dots, dashes and underscores',
    )
    .default(''),
  REGISTRY_STORAGE_S3_CHUNKSIZE: wholeNumber(5 * MIB, 16 * MIB).default(8 * MIB),
  REGISTRY_STORAGE_S3_REDIRECTENDPOINT: httpUrl.optional(),
  REGISTRY_STORAGE_S3_TIMEOUT: duration.refine((seconds) => seconds >= 1 && seconds <= 60, 'must be from 1s to 60s').default(3),
  REGISTRY_STORAGE_REDIRECT_DISABLE: flag.default(false),
  REGISTRY_STORAGE_REDIRECT_EXPIRY: duration
    .refine((seconds) => seconds >= 60 && seconds <= 7 * 86_400, 'must be from 1m to 168h')
    .default(20 * 60),
  REGISTRY_STORAGE_DELETE_ENABLED: flag.default(true),
  REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR: z.enum(['inmemory', 'none'], 'must be inmemory or none').default('inmemory'),
  REGISTRY_STORAGE_CACHE_AGE: duration.refine((seconds) => seconds <= 3600, 'must be at most 1h').default(60),
  REGISTRY_STORAGE_MAINTENANCE_GRACEPERIOD: duration
    .refine((seconds) => seconds >= 3600, 'must be at least 1h')
    .default(24 * 3600),
  REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED: flag.default(false),
  REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_ENABLED: flag.default(true),
  REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_AGE: duration.default(168 * 3600),
  REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_DRYRUN: flag.default(false),
  REGISTRY_STORAGE_MAINTENANCE_COLLECTION_ENABLED: flag.default(true),
  REGISTRY_STORAGE_MAINTENANCE_COLLECTION_OPERATIONS: wholeNumber(100, 1_000_000).default(500),
  REGISTRY_STORAGE_MAINTENANCE_COLLECTION_DELETEUNTAGGED: flag.default(false),
  REGISTRY_AUTH: z.enum(['none', 'htpasswd', 'token'], 'must be none, htpasswd or token').optional(),
  REGISTRY_AUTH_HTPASSWD: parsedBy(parseHtpasswd, (error) => error instanceof HtpasswdError).optional(),
  REGISTRY_AUTH_HTPASSWD_OBJECT: text
    .refine(
      (key) => !LAYOUT.test(key),
      'must not begin with objects/, repositories/, catalog/, uploads/ or system/: the registry keeps its data there',
    )
    .optional(),
  REGISTRY_AUTH_HTPASSWD_REALM: plainText.default('Berth'),
  REGISTRY_AUTH_HTPASSWD_TOKENLIFETIME: duration
    .refine((seconds) => seconds >= 60 && seconds <= 3600, 'must be from 1m to 1h')
    .default(5 * 60),
  REGISTRY_AUTH_HTPASSWD_GENERATION: wholeNumber(0, 1_000_000_000).default(0),
  REGISTRY_AUTH_TOKEN_REALM: httpUrl.optional(),
  REGISTRY_AUTH_TOKEN_SERVICE: plainText.optional(),
  REGISTRY_AUTH_TOKEN_ISSUER: text.optional(),
  REGISTRY_AUTH_TOKEN_JWKS: jwks.optional(),
  REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE: pem.optional(),
  REGISTRY_ACCESS: yaml.pipe(accessRules).optional(),
  REGISTRY_TAGS_IMMUTABLE: yaml.pipe(immutableTagRules).default([]),
  REGISTRY_RETENTION: yaml.pipe(retentionRules).optional(),
  REGISTRY_HTTP_HOST: httpUrl.optional(),
  REGISTRY_HTTP_ALLOWEDHOSTS: hostNames.default([]),
  REGISTRY_HTTP_RELATIVEURLS: flag.default(false),
  REGISTRY_HTTP_MINIMUMSPEED: wholeNumber(0, MIB)
    .refine((speed) => speed === 0 || speed >= 4096, 'must be 0 or from 4096 to 1048576')
    .default(64 * 1024),
  REGISTRY_HTTP_SECRET: z
    .string()
    .transform((list) => list.split(',').map((secret) => secret.trim()))
    .refine(
      (secrets) => secrets.every((secret) => secret.length >= 16),
      'must have at least 16 characters (separate several secrets by commas)',
    )
    .default([]),
  REGISTRY_LOG_LEVEL: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`).default('info'),
  REGISTRY_LOG_FORMATTER: z.enum(['text', 'json'], 'must be text or json').default('json'),
  REGISTRY_LOG_ACCESSLOG_DISABLED: flag.default(false),
  REGISTRY_CATALOG_MAXENTRIES: wholeNumber(1, 1000).default(1000),
} as const;

export type Settings = z.infer<z.ZodObject<typeof SETTINGS>>;

/** Whether a variable is meant for the registry: one that this version doesn't know is an error, every other is ignored. */
export function isSettingName(name: string): boolean {
  return name.startsWith('REGISTRY_');
}

/** Whether this version has a setting of this name. The settings for headers have names of their own (headers.ts). */
export function isKnownSetting(name: string): boolean {
  return Object.hasOwn(SETTINGS, name);
}

/**
 * @param given - settings alone, without those for headers
 * @throws {ConfigError} for the first one that is unknown or wrong
 */
export function parseSettings(given: Readonly<Record<string, unknown>>): Settings {
  for (const name of Object.keys(given)) {
    if (!isKnownSetting(name))
      throw new ConfigError(`${name} is not a setting of this version (docs/configuration.md lists them)`);
  }
  const parsed = z.object(SETTINGS).safeParse(given);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const [name, ...place] = issue?.path ?? [];
  throw new ConfigError([String(name), ...placeOf(place), issue?.message].join(' '));
}

/** The place in a list of rules: `(rule 2, who)`. */
function placeOf([index, ...rest]: readonly PropertyKey[]): string[] {
  return typeof index === 'number' ? [`(${[`rule ${index + 1}`, ...rest.map(String)].join(', ')})`] : [];
}
