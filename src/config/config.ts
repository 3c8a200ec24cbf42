/** From the settings in an environment to one frozen `Config`. */
import { authConfig } from './auth.ts';
import type { DeepReadonly } from './deep-readonly.ts';
import { ConfigError } from './error.ts';
import { HEADERS_PREFIX, headersOf } from './headers.ts';
import { isSettingName, parseSettings, type Settings } from './settings.ts';

export type Config = DeepReadonly<ReturnType<typeof configOf>>;

/**
 * Reads the settings from a worker's bindings or a shell's variables. Names that are not settings are ignored.
 *
 * @throws {ConfigError} for the first setting that is wrong, unknown or missing
 */
export function parseConfig(env: Readonly<Record<string, unknown>>): Config {
  const all = Object.entries(env).filter(([name]) => isSettingName(name));
  const given = Object.fromEntries(all.filter(([name]) => !name.startsWith(HEADERS_PREFIX)));
  return deepFreeze(configOf(parseSettings(given), Object.keys(given), headersOf(all)));
}

/**
 * @param given - the names of the settings that were set
 * @param headers - sent with every answer
 */
function configOf(settings: Settings, given: readonly string[], headers: Record<string, string>) {
  return {
    storage: storageConfig(settings),
    deleteEnabled: settings.REGISTRY_STORAGE_DELETE_ENABLED,
    /** Clients can't write anything, and the hourly run does nothing. */
    readOnly: settings.REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED,
    tags: { immutable: settings.REGISTRY_TAGS_IMMUTABLE },
    /** Undefined: no tag and no manifest expires. */
    retention: settings.REGISTRY_RETENTION,
    uploadPurging: uploadPurgingConfig(settings),
    collection: {
      /** Whether the hourly run collects garbage. `berth garbage-collect` always does. */
      enabled: settings.REGISTRY_STORAGE_MAINTENANCE_COLLECTION_ENABLED,
      /** Storage operations of one hourly run, about. */
      operations: settings.REGISTRY_STORAGE_MAINTENANCE_COLLECTION_OPERATIONS,
      deleteUntagged: settings.REGISTRY_STORAGE_MAINTENANCE_COLLECTION_DELETEUNTAGGED,
    },
    auth: authConfig(settings, given),
    http: {
      headers,
      /** Scheme and host of absolute URLs, such as `https://registry.example`. Undefined: taken from each request. */
      host: settings.REGISTRY_HTTP_HOST,
      /** Further host names of an open registry that listens on loopback alone. */
      allowedHosts: settings.REGISTRY_HTTP_ALLOWEDHOSTS,
      relativeUrls: settings.REGISTRY_HTTP_RELATIVEURLS,
      /** Of bodies that are held in memory, in bytes a second; 0: no minimum. */
      minimumSpeed: settings.REGISTRY_HTTP_MINIMUMSPEED,
      /** The first one seals, all of them open. Empty: a generated secret in the bucket is used. */
      secrets: settings.REGISTRY_HTTP_SECRET,
    },
    catalogMaxEntries: settings.REGISTRY_CATALOG_MAXENTRIES,
    log: {
      level: settings.REGISTRY_LOG_LEVEL,
      formatter: settings.REGISTRY_LOG_FORMATTER,
      accessLog: !settings.REGISTRY_LOG_ACCESSLOG_DISABLED,
    },
  };
}

function storageConfig(settings: Settings) {
  const s3 = s3Config(settings);
  const kind = settings.REGISTRY_STORAGE ?? (s3 === undefined ? 'r2' : 's3');
  if (kind === 's3' && s3 === undefined) throw new ConfigError('REGISTRY_STORAGE=s3 needs REGISTRY_STORAGE_S3_BUCKET');
  return {
    /**
     * Whether the worker's runtime brings the store (the R2 binding), and no bucket is reached by the S3 API. `npm start`
     * keeps such a store in the data folder, where only one process can open it.
     */
    isEmbedded: kind === 'r2',
    /** Prefix of every key, without slashes at its ends; empty for none. */
    rootDirectory: settings.REGISTRY_STORAGE_S3_ROOTDIRECTORY,
    /** The bucket by the S3 API. An embedded store uses it to presign URLs only. */
    s3,
    partBytes: settings.REGISTRY_STORAGE_S3_CHUNKSIZE,
    redirect: {
      enabled: s3 !== undefined && !settings.REGISTRY_STORAGE_REDIRECT_DISABLE,
      expiresInSeconds: settings.REGISTRY_STORAGE_REDIRECT_EXPIRY,
    },
    /** Collection never deletes data that is younger. Upload sessions end within half of it. */
    gracePeriodSeconds: settings.REGISTRY_STORAGE_MAINTENANCE_GRACEPERIOD,
    /** How long an isolate remembers a link or manifest; 0: not at all. */
    cacheAgeSeconds: settings.REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR === 'none' ? 0 : settings.REGISTRY_STORAGE_CACHE_AGE,
  };
}

function s3Config(settings: Settings) {
  const bucket = settings.REGISTRY_STORAGE_S3_BUCKET;
  const accessKeyId = settings.REGISTRY_STORAGE_S3_ACCESSKEY;
  const secretAccessKey = settings.REGISTRY_STORAGE_S3_SECRETKEY;
  if (bucket === undefined) {
    if (accessKeyId !== undefined || secretAccessKey !== undefined)
      throw new ConfigError('REGISTRY_STORAGE_S3_BUCKET is missing: the S3 keys need it');
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

function uploadPurgingConfig(settings: Settings) {
  const ageSeconds = settings.REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_AGE;
  if (ageSeconds < settings.REGISTRY_STORAGE_MAINTENANCE_GRACEPERIOD / 2)
    throw new ConfigError(
      'REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_AGE must be at least half the grace period: uploads live that long',
    );
  return {
    enabled: settings.REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_ENABLED,
    ageSeconds,
    dryRun: settings.REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_DRYRUN,
  };
}

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) deepFreeze(part as object);
  return Object.freeze(value);
}
