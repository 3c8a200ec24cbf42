import type { Context } from 'hono';
import type { HtpasswdAuthenticator } from '../auth/htpasswd-authenticator.ts';
import type { Caller } from '../auth/caller.ts';
import type { Config } from '../config/config.ts';
import { Failure } from '../domain/failure.ts';
import type { Log } from '../lib/log.ts';
import type { Blobs } from '../registry/blobs.ts';
import type { Catalog } from '../registry/catalog.ts';
import type { Manifests } from '../registry/manifests.ts';
import type { Intake } from '../registry/uploads/part-reader.ts';
import type { Referrers } from '../registry/referrers.ts';
import type { SessionSeal } from '../registry/uploads/session-seal.ts';
import type { Tags } from '../registry/tags.ts';
import type { Uploads } from '../registry/uploads/uploads.ts';
import type { AddressOf } from './client-address.ts';
import type { RequireAccess } from './guard.ts';
import type { Locate, OriginOf } from './location.ts';

/** What a request carries from the guard to its route. */
export interface AppEnv {
  readonly Variables: { caller: Caller };
}

/** What the routes are made of. */
export interface Services {
  readonly config: Config;
  readonly log: Log;
  readonly locate: Locate;
  readonly originOf: OriginOf;
  readonly addressOf: AddressOf;
  /** Whether only programs of the same machine reach it, browsers among them. */
  readonly isOnLoopback: boolean;
  readonly requireAccess: RequireAccess;
  /** Undefined where this registry has no users of its own. */
  readonly accounts: HtpasswdAuthenticator | undefined;
  readonly blobs: Blobs;
  readonly uploads: Uploads;
  /** For bodies that are no blobs. */
  readonly intake: Intake;
  readonly seal: SessionSeal;
  readonly manifests: Manifests;
  readonly tags: Tags;
  readonly referrers: Referrers;
  readonly catalog: Catalog;
}

/** Lets work go on when the client has gone, so that what it began is put in order. */
export function finishEvenIfClientLeaves<T>(c: Context, work: Promise<T>): Promise<T> {
  c.executionCtx.waitUntil(work.catch(() => undefined));
  return work;
}

/**
 * Every route that writes must call this first.
 *
 * @param whatStays - the methods of the path that change nothing, for `Allow`; there may be none (RFC 9110, section 10.2.1)
 * @throws {Failure} method-unsupported where the operator has made the registry read-only
 */
export function checkWritable({ readOnly }: Config, whatStays = 'GET, HEAD'): void {
  if (readOnly) throw switchedOff('the registry is read-only at the moment', whatStays);
}

/**
 * Cancelling an upload is no deleting.
 *
 * @param whatStays - the methods of the path that delete nothing
 * @throws {Failure} method-unsupported where the operator has switched deleting off, or all writing
 */
export function checkDeletable(config: Config, whatStays: string): void {
  checkWritable(config);
  if (!config.deleteEnabled) throw switchedOff('deleting is disabled', whatStays);
}

function switchedOff(message: string, whatStays: string): Failure {
  return new Failure('method-unsupported', message, { headers: { Allow: whatStays } });
}
