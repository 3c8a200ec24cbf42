import type { Config } from '../config/config.ts';
import { ImmutableTags } from '../domain/immutable-tags.ts';
import type { Log } from '../lib/log.ts';
import { RecentCache } from '../lib/recent-cache.ts';
import { type BlobLink, Blobs, type BrokenLink } from '../registry/blobs.ts';
import { Catalog } from '../registry/catalog.ts';
import { Liveness } from '../registry/liveness.ts';
import { Manifests, type StoredManifest } from '../registry/manifests.ts';
import { Referrers } from '../registry/referrers.ts';
import { Tags } from '../registry/tags.ts';
import { BlobWriter } from '../registry/uploads/blob-writer.ts';
import { ChunkedBlob } from '../registry/uploads/chunked-blob.ts';
import { SessionMultiparts } from '../registry/uploads/session-multiparts.ts';
import { SessionObjects } from '../registry/uploads/session-objects.ts';
import { UploadPurge } from '../registry/uploads/upload-purge.ts';
import { Uploads } from '../registry/uploads/uploads.ts';
import { BucketInfo } from '../storage/bucket-record.ts';
import type { SmallObjects } from '../storage/object-store.ts';
import type { Platform } from './platform.ts';

/** Memory of an isolate for links and manifests that it has read. */
const LINKS_BYTES = 2 * 1024 * 1024;
const MANIFESTS_BYTES = 8 * 1024 * 1024;

/** Creates the services that need small objects only. A collection run has its own, on a store that counts its operations. */
export function createNameServices(config: Config, store: SmallObjects, platform: Platform) {
  const { clock, wait, random, tagsADelete } = platform;
  const pace = { clock, wait, random };
  const catalog = new Catalog({ store, pace });
  const immutable = new ImmutableTags(config.tags.immutable);
  const tags = new Tags({ store, pace, catalog, immutable, tagsADelete });
  const referrers = new Referrers({ store, pace });
  return { store, pace, catalog, immutable, tags, referrers };
}

/** Creates the services that requests use. No storage operation happens here. */
export function createRegistryServices(config: Config, platform: Platform, log: Log) {
  const { store, storeName, presign, pool, clock, randomId } = platform;
  const { partBytes, gracePeriodSeconds, cacheAgeSeconds } = config.storage;
  const names = createNameServices(config, store, platform);
  const { pace, catalog, tags, referrers } = names;
  const createCache = <T>(maxBytes: number) => new RecentCache<T>({ clock, maxAgeSeconds: cacheAgeSeconds, maxBytes });

  const bucket = new BucketInfo({ store, storeName, pace, randomId });
  const liveness = new Liveness({ store, pace, gracePeriodSeconds });
  const blobs = new Blobs({
    store,
    pace,
    bucket,
    liveness,
    presign,
    recent: createCache<BlobLink>(LINKS_BYTES),
    isReadOnly: config.readOnly,
    onBroken: ({ repository, digest, objectKey: object }: BrokenLink) =>
      log('error', 'the bytes of a blob are missing: its link is deleted, so that a push uploads them again', {
        repository,
        digest,
        object,
      }),
  });

  const intake = { pool, store, clock, randomId, minimumSpeed: config.http.minimumSpeed };
  const writer = new BlobWriter({ store, intake, partBytes, randomId });
  const multiparts = new SessionMultiparts({ store, randomId });
  const objects = new SessionObjects({ store, intake, partBytes, clock, gracePeriodSeconds });
  const chunked = new ChunkedBlob({ store, intake, partBytes, randomId, writer, multiparts, objects });
  const uploads = new Uploads({ store, bucket, blobs, writer, chunked, objects, intake, clock, randomId });
  const purge = new UploadPurge({ store, multiparts, clock, randomId, ...config.uploadPurging });

  const recent = createCache<StoredManifest>(MANIFESTS_BYTES);
  const manifests = new Manifests({ store, pace, bucket, liveness, catalog, tags, referrers, recent });

  return { ...names, store, bucket, blobs, intake, uploads, purge, manifests };
}
