import { createLocalJWKSet, type CryptoKey, errors, type JWTHeaderParameters } from 'jose';
import { Unavailable } from '../domain/unavailable.ts';

/**
 * Finds the key that a token names in its header.
 * @throws {errors.JWKSNoMatchingKey} where there is none, {errors.JWKSMultipleMatchingKeys} where there are several
 */
export type KeySet = (header: JWTHeaderParameters) => Promise<CryptoKey>;

/** A key that the token server has taken back is refused after so long. */
const MAX_AGE_MS = 10 * 60_000;
/** Tokens with ids that nobody knows make for one request to the token server in so long, */
const PAUSE_MS = 30_000;
/** and one that fails is tried again after so long. */
const PAUSE_AFTER_FAILURE_MS = 5_000;
const TIMEOUT_MS = 5_000;

/**
 * The key set at a URL, fetched when it is first needed, when it is old, and for a key that is not in it. While the server
 * can't be reached, the keys known last go on.
 */
export function remoteKeySet(url: URL, clock: () => Date): KeySet {
  let known: { readonly keys: KeySet; readonly fetchedMs: number } | undefined;
  let asked: { readonly atMs: number; readonly failure: unknown } | undefined;

  const mayAsk = () => {
    const pauseMs = asked?.failure === undefined ? PAUSE_MS : PAUSE_AFTER_FAILURE_MS;
    return asked === undefined || clock().getTime() - asked.atMs >= pauseMs;
  };

  const ask = async () => {
    try {
      known = { keys: await fetchKeySet(url), fetchedMs: clock().getTime() };
      asked = { atMs: known.fetchedMs, failure: undefined };
    } catch (failure) {
      asked = { atMs: clock().getTime(), failure };
    }
  };

  const unavailable = (cause: unknown) =>
    new Unavailable(`no keys from ${url.origin}${url.pathname}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });

  const find = async (header: JWTHeaderParameters): Promise<CryptoKey | undefined> => {
    try {
      return await known?.keys(header);
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey) return undefined;
      if (error instanceof errors.JWKSMultipleMatchingKeys) throw error;
      throw unavailable(error); // What the token server says is a key can't be used as one.
    }
  };

  return async (header) => {
    const isOld = known === undefined || clock().getTime() - known.fetchedMs >= MAX_AGE_MS;
    if (isOld && mayAsk()) await ask();
    const key = await find(header);
    if (key !== undefined) return key;
    if (mayAsk()) await ask();
    const newKey = await find(header);
    if (newKey !== undefined) return newKey;
    if (asked?.failure !== undefined) throw unavailable(asked.failure);
    throw new errors.JWKSNoMatchingKey();
  };
}

async function fetchKeySet(url: URL): Promise<KeySet> {
  const response = await fetch(url, {
    headers: { Accept: 'application/json, application/jwk-set+json' },
    redirect: 'manual',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (response.status !== 200) throw new Error(`the answer was ${response.status}`);
  return createLocalJWKSet(await response.json());
}
