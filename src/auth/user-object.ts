import { HtpasswdError, parseHtpasswd, type UserFile } from '../domain/htpasswd.ts';
import { Unavailable } from '../domain/unavailable.ts';

/** A changed user works, and a removed one no longer does, within this time. */
const MAX_AGE_MS = 60_000;

/**
 * Users kept in an object, read again when what is known of them is too old. While the file is missing or malformed, all logins fail.
 * @param read - undefined where there is no such object
 */
export function userObject(read: () => Promise<string | undefined>, clock: () => Date): () => Promise<UserFile> {
  let known: { readonly file: UserFile; readonly readMs: number } | undefined;
  return async () => {
    const nowMs = clock().getTime();
    if (known !== undefined && nowMs - known.readMs < MAX_AGE_MS) return known.file;
    known = { file: parse(await read()), readMs: nowMs };
    return known.file;
  };
}

/** @throws {Unavailable} */
function parse(text: string | undefined): UserFile {
  if (text === undefined) throw new Unavailable('REGISTRY_AUTH_HTPASSWD_OBJECT: there is no such object in the bucket');
  try {
    return parseHtpasswd(text);
  } catch (error) {
    if (!(error instanceof HtpasswdError)) throw error;
    throw new Unavailable(`REGISTRY_AUTH_HTPASSWD_OBJECT ${error.message}`);
  }
}
