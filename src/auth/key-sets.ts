import { createLocalJWKSet, type CryptoKey, errors, type JWTHeaderParameters } from 'jose';
import { DependencyUnavailable } from '../domain/dependency-unavailable.ts';

/**
 * Finds the key that signed a token, by the token's header.
 *
 * @throws {errors.JWKSNoMatchingKey} where no key fits the header
 * @throws {errors.JWKSMultipleMatchingKeys} where several keys fit
 * @throws {DependencyUnavailable} where the key set can't be fetched or used
 */
export type KeySet = (header: JWTHeaderParameters) => Promise<CryptoKey>;

/** After this time, a key that the token server removed is refused. */
const MAX_AGE_MS = 10 * 60_000;
/** The shortest time between two fetches for unknown key ids: any client can send tokens with such ids. */
const FETCH_PAUSE_MS = 30_000;
/** The shortest time after a fetch that failed. */
const FETCH_PAUSE_AFTER_FAILURE_MS = 5_000;
const FETCH_TIMEOUT_MS = 5_000;

/**
 * The key set at a URL. It is fetched at first use, when it is too old, and for a key that is not in it. While the token server
 * can't be reached, the last known keys stay valid.
 */
export function remoteKeySet(url: URL, clock: () => Date): KeySet {
  let known: { readonly keys: KeySet; readonly fetchedMs: number } | undefined;
  let lastFetch: { readonly atMs: number; readonly failure: unknown } | undefined;

  const mayFetch = () => {
    const pauseMs = lastFetch?.failure === undefined ? FETCH_PAUSE_MS : FETCH_PAUSE_AFTER_FAILURE_MS;
    return lastFetch === undefined || clock().getTime() - lastFetch.atMs >= pauseMs;
  };

  const update = async () => {
    try {
      known = { keys: await fetchKeySet(url), fetchedMs: clock().getTime() };
      lastFetch = { atMs: known.fetchedMs, failure: undefined };
    } catch (failure) {
      lastFetch = { atMs: clock().getTime(), failure };
    }
  };

  const unavailable = (cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return new DependencyUnavailable(`no keys from the token server at ${url.origin}${url.pathname}: ${reason}`, { cause });
  };

  const find = async (header: JWTHeaderParameters): Promise<CryptoKey | undefined> => {
    try {
      return await known?.keys(header);
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey) return undefined;
      if (error instanceof errors.JWKSMultipleMatchingKeys) throw error;
      throw unavailable(error); // The token server sent a malformed key.
    }
  };

  return async (header) => {
    const isOld = known === undefined || clock().getTime() - known.fetchedMs >= MAX_AGE_MS;
    if (isOld && mayFetch()) await update();
    const key = await find(header);
    if (key !== undefined) return key;
    if (mayFetch()) await update();
    const newKey = await find(header);
    if (newKey !== undefined) return newKey;
    if (lastFetch?.failure !== undefined) throw unavailable(lastFetch.failure);
    throw new errors.JWKSNoMatchingKey();
  };
}

async function fetchKeySet(url: URL): Promise<KeySet> {
  const response = await fetch(url, {
    headers: { Accept: 'application/json, application/jwk-set+json' },
    redirect: 'manual',
    signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
  });
  if (response.status !== 200) throw new Error(`the token server answered ${response.status} instead of 200`);
  return createLocalJWKSet(await response.json());
}
