import { HtpasswdError, parseHtpasswd, type UserFile } from '../domain/htpasswd.ts';
import { DependencyUnavailable } from '../domain/dependency-unavailable.ts';

/** A change of the file takes effect within this time. */
const MAX_AGE_MS = 60_000;

export interface UserObjectOptions {
  /** Reads the object's text; gives undefined where the object is absent. */
  readonly read: () => Promise<string | undefined>;
  readonly clock: () => Date;
}

/**
 * Gives the users in an object of the bucket, and reads it again when they are too old. While the object is missing or
 * malformed, all logins fail with `DependencyUnavailable`.
 */
export function userObject({ read, clock }: UserObjectOptions): () => Promise<UserFile> {
  let known: { readonly file: UserFile; readonly readMs: number } | undefined;
  return async () => {
    const nowMs = clock().getTime();
    if (known !== undefined && nowMs - known.readMs < MAX_AGE_MS) return known.file;
    known = { file: parse(await read()), readMs: nowMs };
    return known.file;
  };
}

/** @throws {DependencyUnavailable} */
function parse(text: string | undefined): UserFile {
  if (text === undefined) throw new DependencyUnavailable('REGISTRY_AUTH_HTPASSWD_OBJECT: the bucket has no such object');
  try {
    return parseHtpasswd(text);
  } catch (error) {
    if (!(error instanceof HtpasswdError)) throw error;
    throw new DependencyUnavailable(`REGISTRY_AUTH_HTPASSWD_OBJECT ${error.message}`);
  }
}
