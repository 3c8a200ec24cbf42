/**
 * Settings: from environment names to one frozen `Config`. Nothing else that the worker runs reads such a name.
 *
 * Names are registry:2's own (https://distribution.github.io/distribution/about/configuration/), so that nobody learns
 * them twice; what has no counterpart is named in the same style. docs/configuration.md explains each.
 */
import { z } from 'zod';
import { type AuthConfig, authConfig } from './auth.ts';
import { ConfigError } from './error.ts';
import { accessRules } from '../domain/access-rules.ts';
import { duration } from '../domain/duration.ts';
import { HtpasswdError, parseHtpasswd } from '../domain/htpasswd.ts';
import { type ImmutableTagRule, immutableTagRules } from '../domain/immutable-tags.ts';
import { type RetentionRule, retentionRules } from '../domain/retention.ts';
import { HEADERS_PREFIX, headersOf } from './headers.ts';
import { flag, hostNames, httpUrl, jwks, parsedBy, pem, plainText, text, wholeNumber, yaml } from './values.ts';
import { LOG_LEVELS, type LogLevel } from '../lib/log.ts';
import type { S3Config } from '../storage/s3.ts';

export interface Config {
  readonly storage: {
    readonly kind: 's3' | 'r2';
    /** Prefix of every key, without slashes at its ends; empty for none. */
    readonly rootDirectory: string;
    /** Credentials of the S3 API; with kind `r2` they serve only to presign. */
    readonly s3: S3Config | undefined;
    readonly partBytes: number;
    readonly redirect: { readonly enabled: boolean; readonly expiresInSeconds: number };
    /** How long anything unreferenced is left alone; upload sessions end within half of it. */
    readonly gracePeriodSeconds: number;
    /** How long an isolate remembers a link or manifest; 0: not at all. */
    readonly cacheAgeSeconds: number;
  };
  readonly deleteEnabled: boolean;
  /** No client writes anything, nor does the hourly run. */
  readonly readOnly: boolean;
  readonly tags: { readonly immutable: readonly ImmutableTagRule[] };
  /** Undefined: everything stays. */
  readonly retention: readonly RetentionRule[] | undefined;
  readonly uploadPurging: { readonly enabled: boolean; readonly ageSeconds: number; readonly dryRun: boolean };
  readonly collection: {
    /** Whether the hourly run collects; the command does in any case. */
    readonly enabled: boolean;
    /** What one hourly run may take. */
    readonly operations: number;
    readonly deleteUntagged: boolean;
  };
  readonly auth: AuthConfig;
  readonly http: {
    /** Sent with every answer. */
    readonly headers: Readonly<Record<string, string>>;
    /** The address clients use, for absolute URLs; absent: taken from each request. */
    readonly host: string | undefined;
    /** What else than loopback's names an open registry on loopback answers to. */
    readonly allowedHosts: readonly string[];
    readonly relativeUrls: boolean;
    /** For bodies that are held in memory, in bytes a second; 0: no minimum. */
    readonly minimumSpeed: number;
    /** The first seals, all open; empty: one is generated and kept in the bucket. */
    readonly secrets: readonly string[];
  };
  readonly catalogMaxEntries: number;
  readonly log: { readonly level: LogLevel; readonly formatter: 'text' | 'json'; readonly accessLog: boolean };
}

const MIB = 1024 * 1024;

const LAYOUT = /^(objects|repositories|catalog|uploads|system)\//;

/** Every setting this version knows. A test holds docs/configuration.md to these names. */
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
      'must be a path of letters, digits, dots, dashes and underscores, 200 characters at most',
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
  REGISTRY_STORAGE_CACHE_AGE: duration.refine((seconds) => seconds <= 3600, 'must be 1h at most').default(60),
  REGISTRY_STORAGE_MAINTENANCE_GRACEPERIOD: duration
    .refine((seconds) => seconds >= 3600, 'must be 1h at least')
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
    .refine((key) => !LAYOUT.test(key), 'must not be in a folder that the registry keeps')
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
      'must be 16 characters at least (several: separated by commas)',
    )
    .default([]),
  REGISTRY_LOG_LEVEL: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`).default('info'),
  REGISTRY_LOG_FORMATTER: z.enum(['text', 'json'], 'must be text or json').default('json'),
  REGISTRY_LOG_ACCESSLOG_DISABLED: flag.default(false),
  REGISTRY_CATALOG_MAXENTRIES: wholeNumber(1, 1000).default(1000),
} as const;

/** True for names that belong to the registry, known or not. All others in an environment are ignored. */
export function isSettingName(name: string): boolean {
  return name.startsWith('REGISTRY_');
}

/** True for one of this version's. */
export function isKnownSetting(name: string): boolean {
  return Object.hasOwn(SETTINGS, name);
}

/**
 * Reads the settings from an environment, a worker's bindings or a shell's variables alike; names that are not
 * settings are passed over.
 *
 * @throws {ConfigError} on the first wrong, unknown or missing setting
 */
export function parseConfig(env: Readonly<Record<string, unknown>>): Config {
  const all = Object.entries(env).filter(([name]) => isSettingName(name));
  const given = Object.fromEntries(all.filter(([name]) => !name.startsWith(HEADERS_PREFIX)));
  for (const name of Object.keys(given)) {
    if (!isKnownSetting(name))
      throw new ConfigError(`${name} is not a setting of this version (docs/configuration.md lists them)`);
  }
  const parsed = z.object(SETTINGS).safeParse(given);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const [name, ...place] = issue?.path ?? [];
    throw new ConfigError([String(name), ...placeOf(place), issue?.message].join(' '));
  }
  const settings = parsed.data;
  const s3 = s3Config(settings);
  const kind = settings.REGISTRY_STORAGE ?? (s3 === undefined ? 'r2' : 's3');
  if (kind === 's3' && s3 === undefined) throw new ConfigError('REGISTRY_STORAGE=s3 needs REGISTRY_STORAGE_S3_BUCKET');
  const graceSeconds = settings.REGISTRY_STORAGE_MAINTENANCE_GRACEPERIOD;
  if (settings.REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_AGE < graceSeconds / 2)
    throw new ConfigError(
      'REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_AGE must be half the grace period at least, as long as uploads live',
    );
  return deepFreeze({
    storage: {
      kind,
      rootDirectory: settings.REGISTRY_STORAGE_S3_ROOTDIRECTORY,
      s3,
      partBytes: settings.REGISTRY_STORAGE_S3_CHUNKSIZE,
      redirect: {
        enabled: s3 !== undefined && !settings.REGISTRY_STORAGE_REDIRECT_DISABLE,
        expiresInSeconds: settings.REGISTRY_STORAGE_REDIRECT_EXPIRY,
      },
      gracePeriodSeconds: graceSeconds,
      cacheAgeSeconds: settings.REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR === 'none' ? 0 : settings.REGISTRY_STORAGE_CACHE_AGE,
    },
    deleteEnabled: settings.REGISTRY_STORAGE_DELETE_ENABLED,
    readOnly: settings.REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED,
    tags: { immutable: settings.REGISTRY_TAGS_IMMUTABLE },
    retention: settings.REGISTRY_RETENTION,
    uploadPurging: {
      enabled: settings.REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_ENABLED,
      ageSeconds: settings.REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_AGE,
      dryRun: settings.REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_DRYRUN,
    },
    collection: {
      enabled: settings.REGISTRY_STORAGE_MAINTENANCE_COLLECTION_ENABLED,
      operations: settings.REGISTRY_STORAGE_MAINTENANCE_COLLECTION_OPERATIONS,
      deleteUntagged: settings.REGISTRY_STORAGE_MAINTENANCE_COLLECTION_DELETEUNTAGGED,
    },
    auth: authConfig(settings, Object.keys(given)),
    http: {
      headers: headersOf(all),
      host: settings.REGISTRY_HTTP_HOST,
      allowedHosts: settings.REGISTRY_HTTP_ALLOWEDHOSTS,
      relativeUrls: settings.REGISTRY_HTTP_RELATIVEURLS,
      minimumSpeed: settings.REGISTRY_HTTP_MINIMUMSPEED,
      secrets: settings.REGISTRY_HTTP_SECRET,
    },
    catalogMaxEntries: settings.REGISTRY_CATALOG_MAXENTRIES,
    log: {
      level: settings.REGISTRY_LOG_LEVEL,
      formatter: settings.REGISTRY_LOG_FORMATTER,
      accessLog: !settings.REGISTRY_LOG_ACCESSLOG_DISABLED,
    },
  });
}

export type Settings = z.infer<z.ZodObject<typeof SETTINGS>>;

/** `(rule 2, who)`: where in a list it is. */
function placeOf([index, ...rest]: readonly PropertyKey[]): string[] {
  return typeof index === 'number' ? [`(${[`rule ${index + 1}`, ...rest.map(String)].join(', ')})`] : [];
}

function s3Config(settings: Settings): S3Config | undefined {
  const bucket = settings.REGISTRY_STORAGE_S3_BUCKET;
  const accessKeyId = settings.REGISTRY_STORAGE_S3_ACCESSKEY;
  const secretAccessKey = settings.REGISTRY_STORAGE_S3_SECRETKEY;
  if (bucket === undefined) {
    if (accessKeyId !== undefined || secretAccessKey !== undefined)
      throw new ConfigError('REGISTRY_STORAGE_S3_BUCKET is missing beside the S3 keys');
    return undefined;
  }
  if (accessKeyId === undefined) throw new ConfigError('REGISTRY_STORAGE_S3_ACCESSKEY is missing');
  if (secretAccessKey === undefined) throw new ConfigError('REGISTRY_STORAGE_S3_SECRETKEY is missing');
  return {
    bucket,
    region: settings.REGISTRY_STORAGE_S3_REGION,
    endpoint: settings.REGISTRY_STORAGE_S3_REGIONENDPOINT,
    redirectEndpoint: settings.REGISTRY_STORAGE_S3_REDIRECTENDPOINT,
    accessKeyId,
    secretAccessKey,
    forcePathStyle: settings.REGISTRY_STORAGE_S3_FORCEPATHSTYLE,
    timeoutMs: settings.REGISTRY_STORAGE_S3_TIMEOUT * 1000,
  };
}

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) deepFreeze(part as object);
  return Object.freeze(value);
}
