import { HtpasswdAuthenticator } from '../auth/htpasswd-authenticator.ts';
import type { Config } from '../config/config.ts';
import { ConfigError } from '../config/error.ts';
import { KeyRing } from '../domain/key-ring.ts';
import { type CollectOptions, collector } from './gc.ts';
import { maintenance } from './maintenance.ts';
import { openAuthenticator } from './auth.ts';
import { ImmutableTags } from '../domain/immutable-tags.ts';
import { createApp } from '../http/app.ts';
import { createAddressOf } from '../http/client-address.ts';
import { Guard } from '../http/guard.ts';
import { createLocate, createOriginOf } from '../http/public-url.ts';
import type { Services } from '../http/services.ts';
import { storeAccess } from '../http/routes/store-access.ts';
import { createLog, type Log } from '../lib/log.ts';
import { BlobWriter } from '../registry/uploads/blob-writer.ts';
import { type BlobLink, Blobs, type BrokenLink } from '../registry/blobs.ts';
import { BufferPool, MAX_BUFFERED_BYTES } from '../registry/body/buffer-pool.ts';
import { Catalog } from '../registry/catalog.ts';
import { ChunkedBlob } from '../registry/uploads/chunked-blob.ts';
import type { CollectionReport } from '../registry/gc/report.ts';
import { Liveness } from '../registry/liveness.ts';
import { Manifests, type StoredManifest } from '../registry/manifests.ts';
import { RecentCache } from '../lib/recent-cache.ts';
import { Referrers } from '../registry/referrers.ts';
import { SessionSeal } from '../registry/uploads/session-seal.ts';
import { Tags, type TagsADelete } from '../registry/tags.ts';
import { SessionMultiparts } from '../registry/uploads/session-multiparts.ts';
import { SessionObjects } from '../registry/uploads/session-objects.ts';
import { type PurgeReport, UploadPurge } from '../registry/uploads/upload-purge.ts';
import { Verification, type VerificationOptions } from '../registry/verification/verification.ts';
import type { VerificationReport } from '../registry/verification/report.ts';
import { Uploads } from '../registry/uploads/uploads.ts';
import { BucketInfo } from '../storage/bucket-record.ts';
import type { ObjectStore, PresignGet } from '../storage/object-store.ts';
import { prefixedPresign, prefixedStore } from '../storage/prefixed.ts';
import { R2Store } from '../storage/r2.ts';
import { S3Store, s3PresignGet } from '../storage/s3.ts';

/** The registry: what it answers, and what it does by itself from time to time. */
export interface Registry {
  readonly app: ReturnType<typeof createApp>;
  readonly services: Services;
  readonly log: Log;
  maintain(): Promise<void>;
  /** Clears away every abandoned upload, or only counts them. */
  readonly purgeUploads: (options: { readonly isDryRun: boolean }) => Promise<PurgeReport>;
  /** Reads all that manifests need. */
  readonly verify: (options: Omit<VerificationOptions, 'store'>) => Promise<VerificationReport>;
  /** One run of garbage collection. */
  readonly collect: (options?: CollectOptions) => Promise<CollectionReport>;
}

export interface Platform {
  readonly store: ObjectStore;
  /** Tells one storage from another: the endpoint, or `r2`. */
  readonly storeName: string;
  readonly presign: PresignGet | undefined;
  /** Bounds what is held in memory for clients, all together. */
  readonly pool: BufferPool;
  readonly clock: () => Date;
  readonly randomId: () => string;
  readonly wait: (ms: number) => Promise<void>;
  /** At least 0, and less than 1. */
  readonly random: () => number;
  /** Whether there were not too many of one kind lately, as the platform counts them. */
  readonly limit: ((key: string) => Promise<boolean>) | undefined;
  /** Whether this is the edge's emulator, where a client's address comes from the listener or a proxy in front. */
  readonly isEmulated: boolean;
  /** Whether it listens on loopback alone. */
  readonly isOnLoopback: boolean;
  /** What opens the store to commands on the same machine; undefined: nothing does. */
  readonly storeKey?: string | undefined;
  /** How many tags one delete of a manifest takes, where a test wants other numbers than tags.ts. */
  readonly tagsADelete?: TagsADelete | undefined;
}

/** What wrangler.toml binds. */
export interface Bindings {
  readonly BUCKET?: R2Bucket;
  /** Counts the passwords that each user and address tries: https://developers.cloudflare.com/workers/runtime-apis/bindings/rate-limit/ */
  readonly LOGIN_LIMITER?: RateLimit;
  /** From the launcher behind `npm start`. */
  readonly BERTH_EMULATED?: string;
  readonly BERTH_ON_LOOPBACK?: string;
  /** From the launcher too, drawn at each start. */
  readonly BERTH_STORE_KEY?: string;
}

/** Opens the storage that the settings name. */
export function openPlatform(config: Config, bindings: Bindings): Platform {
  const { kind, s3, rootDirectory } = config.storage;
  if (kind === 's3' && s3 !== undefined)
    return platformOn(prefixedStore(new S3Store(s3), rootDirectory), s3.endpoint ?? `aws ${s3.region}`, config, bindings);
  if (bindings.BUCKET === undefined)
    throw new ConfigError('REGISTRY_STORAGE_S3_BUCKET is missing, and so is the R2 binding BUCKET');
  return platformOn(prefixedStore(new R2Store(bindings.BUCKET), rootDirectory), 'r2', config, bindings);
}

/** @param store - whose root is the root directory of the settings */
export function platformOn(store: ObjectStore, storeName: string, config: Config, bindings: Bindings): Platform {
  const { s3, rootDirectory, redirect } = config.storage;
  const { LOGIN_LIMITER: limiter, BERTH_EMULATED: emulated, BERTH_STORE_KEY: storeKey } = bindings;
  return {
    store,
    storeName,
    presign: s3 && redirect.enabled ? prefixedPresign(s3PresignGet(s3, redirect.expiresInSeconds), rootDirectory) : undefined,
    pool: new BufferPool(MAX_BUFFERED_BYTES),
    clock: () => new Date(),
    randomId: () => crypto.randomUUID(),
    wait: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)),
    random: Math.random,
    limit: limiter && (async (key: string) => (await limiter.limit({ key })).success),
    isEmulated: emulated !== undefined,
    isOnLoopback: bindings.BERTH_ON_LOOPBACK !== undefined,
    storeKey: emulated === undefined ? undefined : storeKey,
  };
}

/** What an isolate remembers of what it has read. */
const LINKS_BYTES = 2 * 1024 * 1024;
const MANIFESTS_BYTES = 8 * 1024 * 1024;

/** The only wiring. */
export function compose(config: Config, platform: Platform): Registry {
  const { store, storeName, presign, pool, clock, randomId, wait, random, limit, isEmulated, isOnLoopback, storeKey } = platform;
  const pace = { clock, wait, random };
  const { partBytes, gracePeriodSeconds } = config.storage;
  const { secrets } = config.http;
  const log = createLog(config.log, clock);
  const bucket = new BucketInfo(store, storeName, pace);
  const liveness = new Liveness({ store, pace, gracePeriodSeconds });
  const remember = <T>(maxBytes: number) => new RecentCache<T>(clock, config.storage.cacheAgeSeconds, maxBytes);
  const onBroken = (link: BrokenLink) =>
    log('error', 'the bytes of a blob are missing: its link goes, so that a push brings them back', { ...link });
  const recentLinks = remember<BlobLink>(LINKS_BYTES);
  const isReadOnly = config.readOnly;
  const blobs = new Blobs({ store, pace, bucket, liveness, presign, recent: recentLinks, isReadOnly, onBroken });
  const intake = { pool, store, randomId, minimumSpeed: config.http.minimumSpeed };
  const writer = new BlobWriter({ store, intake, partBytes, randomId });
  const multiparts = new SessionMultiparts({ store, randomId });
  const objects = new SessionObjects({ store, intake, partBytes, clock, gracePeriodSeconds });
  const chunked = new ChunkedBlob({ store, intake, partBytes, randomId, writer, multiparts, objects });
  const uploads = new Uploads({ store, bucket, blobs, writer, chunked, objects, intake, clock, randomId });
  const catalog = new Catalog({ store, pace });
  const immutable = new ImmutableTags(config.tags.immutable);
  const tags = new Tags({ store, pace, catalog, immutable, tagsADelete: platform.tagsADelete });
  const referrers = new Referrers({ store, pace });
  const recentManifests = remember<StoredManifest>(MANIFESTS_BYTES);
  const manifests = new Manifests({ store, pace, bucket, liveness, catalog, tags, referrers, recent: recentManifests });
  const keys = (purpose: string) =>
    new KeyRing({ secrets: async () => (secrets.length > 0 ? secrets : [await bucket.secret()]), purpose });
  const seal = new SessionSeal({ keys: keys('berth upload session'), clock, lifetimeSeconds: gracePeriodSeconds / 2 });
  const authenticator = openAuthenticator(config.auth, { store, clock, randomId, keys, wait, limit });
  const originOf = createOriginOf(config.http);
  const addressOf = createAddressOf(isEmulated);
  const services = {
    config,
    log,
    locate: createLocate(config.http),
    guard: new Guard({ authenticator, originOf, addressOf }),
    originOf,
    addressOf,
    isOnLoopback,
    htpasswd: authenticator instanceof HtpasswdAuthenticator ? authenticator : undefined,
    blobs,
    uploads,
    intake,
    seal,
    manifests,
    tags,
    referrers,
    catalog,
  };
  const purge = new UploadPurge({ store, multiparts, clock, randomId, ...config.uploadPurging });
  const collect = collector(config, store, pace);
  return {
    app: createApp({ services, clock, storeAccess: storeKey === undefined ? undefined : storeAccess(store, storeKey) }),
    services,
    log,
    verify: (options) => new Verification({ ...options, store }).run(),
    purgeUploads: ({ isDryRun }) => purge.runWhole(isDryRun),
    collect,
    maintain: maintenance(config, { purge, collect, log }),
  };
}
