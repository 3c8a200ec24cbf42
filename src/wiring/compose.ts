import { HtpasswdAuthenticator } from '../auth/htpasswd-authenticator.ts';
import type { Config } from '../config/config.ts';
import { KeyRing } from '../domain/key-ring.ts';
import { createApp } from '../http/app.ts';
import { createAddressOf } from '../http/client-address.ts';
import { Guard } from '../http/guard.ts';
import { createLocate, createOriginOf } from '../http/public-url.ts';
import { storeAccess } from '../http/routes/store-access.ts';
import type { Services } from '../http/services.ts';
import { createLog, type Log } from '../lib/log.ts';
import { maintain } from '../registry/maintenance.ts';
import { SessionSeal } from '../registry/uploads/session-seal.ts';
import type { PurgeReport } from '../registry/uploads/upload-purge.ts';
import type { VerificationReport } from '../registry/verification/report.ts';
import { Verification, type VerificationOptions } from '../registry/verification/verification.ts';
import { createAuthenticator } from './auth.ts';
import { type Collect, createCollect } from './gc.ts';
import type { Platform } from './platform.ts';
import { createRegistryServices } from './services.ts';

/** A registry: its app for requests, its hourly work, and the work of its commands. */
export interface Registry {
  readonly app: ReturnType<typeof createApp>;
  readonly services: Services;
  readonly log: Log;
  /** The hourly work. */
  readonly maintain: () => Promise<void>;
  /** Deletes what abandoned uploads left, all of it in one run; a dry run only counts it. */
  readonly purgeUploads: (options: { readonly isDryRun: boolean }) => Promise<PurgeReport>;
  /** Reads everything that manifests name, and checks its digest. */
  readonly verify: (options: Omit<VerificationOptions, 'store'>) => Promise<VerificationReport>;
  readonly collect: Collect;
}

/** Creates the registry of the settings on a platform. No storage operation happens here. */
export function compose(config: Config, platform: Platform): Registry {
  const { store, clock, randomId, wait, limit, isEmulated, isOnLoopback, storeKey } = platform;
  const log = createLog(config.log, clock);
  const { bucket, purge, blobs, uploads, intake, manifests, tags, referrers, catalog } = createRegistryServices(
    config,
    platform,
    log,
  );
  const { secrets } = config.http;
  const keys = (purpose: string) =>
    new KeyRing({ secrets: async () => (secrets.length > 0 ? secrets : [await bucket.secret()]), purpose });
  const authenticator = createAuthenticator(config.auth, { store, clock, randomId, keys, wait, limit });
  const originOf = createOriginOf(config.http);
  const addressOf = createAddressOf(isEmulated);
  const services: Services = {
    config,
    log,
    locate: createLocate(config.http),
    guard: new Guard({ authenticator, originOf, addressOf }),
    originOf,
    addressOf,
    isOnLoopback,
    htpasswd: authenticator instanceof HtpasswdAuthenticator ? authenticator : undefined,
    seal: new SessionSeal({
      keys: keys('berth upload session'),
      clock,
      lifetimeSeconds: config.storage.gracePeriodSeconds / 2,
    }),
    blobs,
    uploads,
    intake,
    manifests,
    tags,
    referrers,
    catalog,
  };
  const collect = createCollect(config, platform);
  const { deleteUntagged } = config.collection;
  return {
    app: createApp({ services, clock, storeAccess: storeKey === undefined ? undefined : storeAccess(store, storeKey) }),
    services,
    log,
    maintain: () =>
      maintain({
        isReadOnly: config.readOnly,
        uploadPurging: config.uploadPurging,
        purgeUploads: () => purge.run(),
        collection: config.collection,
        collect: (slice) => collect({ deleteUntagged, slice }),
        log,
      }),
    purgeUploads: ({ isDryRun }) => purge.runWhole(isDryRun),
    verify: (options) => new Verification({ ...options, store }).run(),
    collect,
  };
}
