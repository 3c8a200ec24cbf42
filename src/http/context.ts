import type { Context } from 'hono';
import type { Accounts } from '../auth/accounts.ts';
import type { Caller } from '../auth/caller.ts';
import type { Config } from '../config.ts';
import { Failure } from '../domain/failure.ts';
import type { Log } from '../log.ts';
import type { Blobs } from '../registry/blobs.ts';
import type { Catalog } from '../registry/catalog.ts';
import type { Manifests } from '../registry/manifests.ts';
import type { Referrers } from '../registry/referrers.ts';
import type { SessionSeal } from '../registry/session-seal.ts';
import type { Tags } from '../registry/tags.ts';
import type { Uploads } from '../registry/uploads.ts';
import type { AddressOf } from './client-address.ts';
import type { Needs } from './guard.ts';
import type { Locate } from './location.ts';

/** What a request carries from the guard to its route. */
export interface AppEnv {
  readonly Variables: { caller: Caller };
}

/** What the routes are made of. */
export interface Services {
  readonly config: Config;
  readonly log: Log;
  readonly locate: Locate;
  readonly addressOf: AddressOf;
  readonly needs: Needs;
  /** Undefined where this registry has no users of its own. */
  readonly accounts: Accounts | undefined;
  readonly blobs: Blobs;
  readonly uploads: Uploads;
  readonly seal: SessionSeal;
  readonly manifests: Manifests;
  readonly tags: Tags;
  readonly referrers: Referrers;
  readonly catalog: Catalog;
}

/** Lets work go on when the client has gone, so that what it began is put in order. */
export function keepGoing<T>(c: Context, work: Promise<T>): Promise<T> {
  c.executionCtx.waitUntil(work.catch(() => undefined));
  return work;
}

/** @throws {Failure} method-unsupported where the operator has switched deleting off; cancelling an upload is always allowed */
export function checkDeletable({ deleteEnabled }: Config): void {
  if (!deleteEnabled) throw new Failure('method-unsupported', 'deleting is disabled', { headers: { Allow: 'GET, HEAD, PUT' } });
}
