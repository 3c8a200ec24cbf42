import { ConfigError } from '../config/error.ts';
import type { Config } from '../config/config.ts';
import { BufferPool, MAX_BUFFERED_BYTES } from '../registry/body/buffer-pool.ts';
import type { TagsADelete } from '../registry/tags.ts';
import type { ObjectStore, PresignGet } from '../storage/object-store.ts';
import { prefixedPresign, prefixedStore } from '../storage/prefixed.ts';
import { R2Store } from '../storage/r2.ts';
import { S3Store, s3PresignGet } from '../storage/s3.ts';

/** Everything outside the code that the registry depends on: storage, memory, time, randomness. */
export interface Platform extends StorageAccess {
  /** Bounds the memory for the bodies of all clients together. */
  readonly pool: BufferPool;
  readonly clock: () => Date;
  readonly randomId: () => string;
  readonly wait: (ms: number) => Promise<void>;
  /** At least 0, and less than 1. */
  readonly random: () => number;
  /** Counts one event of the key. Resolves to false once there were too many lately, as the platform counts. */
  readonly limit: ((key: string) => Promise<boolean>) | undefined;
  /** Whether the worker runs in the emulator, where a client's address comes from the listener or a proxy in front of it. */
  readonly isEmulated: boolean;
  /** Whether the registry listens on loopback alone. */
  readonly isOnLoopback: boolean;
  /** With this key, commands on the same machine use the store through the worker. Undefined: they can't. */
  readonly storeKey?: string | undefined;
  /** How many tags one delete of a manifest deletes. Undefined: the default of tags.ts; tests set smaller numbers. */
  readonly tagsADelete?: TagsADelete | undefined;
}

export interface StorageAccess {
  /** Its keys begin at the root directory of the settings. */
  readonly store: ObjectStore;
  /** Tells one storage from another: its endpoint, or `r2`. */
  readonly storeName: string;
  readonly presign: PresignGet | undefined;
}

/** The bindings of wrangler.toml, and variables that the launcher behind `npm start` adds. */
export interface Bindings {
  readonly BUCKET?: R2Bucket;
  /** Counts the passwords that each user and address tries: https://developers.cloudflare.com/workers/runtime-apis/bindings/rate-limit/ */
  readonly LOGIN_LIMITER?: RateLimit;
  /** From the launcher. */
  readonly BERTH_EMULATED?: string;
  /** From the launcher. */
  readonly BERTH_ON_LOOPBACK?: string;
  /** From the launcher, which generates a new one at each start. */
  readonly BERTH_STORE_KEY?: string;
}

const clock = () => new Date();
const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/**
 * Creates the platform with the system's clock and randomness.
 * @param storage - the storage of the settings, where a command has opened it already
 * @throws {ConfigError} where the settings name no bucket, and there is no R2 binding
 */
export function createPlatform(config: Config, bindings: Bindings, storage = createStorage(config, bindings)): Platform {
  const { LOGIN_LIMITER: limiter, BERTH_EMULATED: emulated, BERTH_STORE_KEY: storeKey } = bindings;
  return {
    ...storage,
    pool: new BufferPool({ limitBytes: MAX_BUFFERED_BYTES, clock }),
    clock,
    randomId: () => crypto.randomUUID(),
    wait,
    random: Math.random,
    limit: limiter && (async (key: string) => (await limiter.limit({ key })).success),
    isEmulated: emulated !== undefined,
    isOnLoopback: bindings.BERTH_ON_LOOPBACK !== undefined,
    storeKey: emulated === undefined ? undefined : storeKey,
  };
}

function createStorage({ storage }: Config, { BUCKET: r2 }: Bindings): StorageAccess {
  const { isEmbedded, s3, rootDirectory, redirect } = storage;
  const presign = s3 && redirect.enabled ? s3PresignGet(s3, redirect.expiresInSeconds) : undefined;
  const access = (store: ObjectStore, storeName: string) => ({
    store: prefixedStore(store, rootDirectory),
    storeName,
    presign: presign && prefixedPresign(presign, rootDirectory),
  });
  if (!isEmbedded && s3 !== undefined) return access(new S3Store(s3), s3.endpoint ?? `aws ${s3.region}`);
  if (r2 === undefined)
    throw new ConfigError('there is no storage: set REGISTRY_STORAGE_S3_BUCKET, or bind an R2 bucket as BUCKET in wrangler.toml');
  return access(new R2Store({ bucket: r2, wait, random: Math.random }), 'r2');
}
