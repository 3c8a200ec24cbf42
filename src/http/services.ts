import type { HtpasswdAuthenticator } from '../auth/htpasswd-authenticator.ts';
import type { Config } from '../config/config.ts';
import type { Log } from '../lib/log.ts';
import type { Blobs } from '../registry/blobs.ts';
import type { Catalog } from '../registry/catalog.ts';
import type { Manifests } from '../registry/manifests.ts';
import type { Referrers } from '../registry/referrers.ts';
import type { Tags } from '../registry/tags.ts';
import type { Intake } from '../registry/uploads/part-reader.ts';
import type { SessionSeal } from '../registry/uploads/session-seal.ts';
import type { Uploads } from '../registry/uploads/uploads.ts';
import type { AddressOf } from './client-address.ts';
import type { Guard } from './guard.ts';
import type { Locate, OriginOf } from './public-url.ts';

/** The dependencies of the routes. */
export interface Services {
  readonly config: Config;
  readonly log: Log;
  readonly locate: Locate;
  readonly originOf: OriginOf;
  readonly addressOf: AddressOf;
  /** Whether only programs of the same machine reach this registry, browsers among them. */
  readonly isOnLoopback: boolean;
  readonly guard: Guard;
  /** Issues tokens. Undefined where this registry has no users of its own. */
  readonly htpasswd: HtpasswdAuthenticator | undefined;
  readonly blobs: Blobs;
  readonly uploads: Uploads;
  /** Reads bodies that are not blobs: manifests and forms. */
  readonly intake: Intake;
  readonly seal: SessionSeal;
  readonly manifests: Manifests;
  readonly tags: Tags;
  readonly referrers: Referrers;
  readonly catalog: Catalog;
}
