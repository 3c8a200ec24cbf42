/** When the key set of a token server is fetched, and what happens while it can't be. */
import { exportJWK, generateKeyPair } from 'jose';
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type KeySet, remoteKeySet } from '../../src/auth/key-sets.ts';

const MINUTE_MS = 60_000;
const START_MS = 1_800_000_000_000;
const jwks: Record<string, object> = {};

let nowMs: number;
let fetches: [string, RequestInit][];
let answer: () => Response;
let keys: KeySet;

beforeAll(async () => {
  for (const kid of ['a', 'b']) {
    const { publicKey } = await generateKeyPair('ES256', { extractable: true });
    jwks[kid] = { ...(await exportJWK(publicKey)), kid, alg: 'ES256' };
  }
});

beforeEach(() => {
  [nowMs, fetches] = [START_MS, []];
  serve('a');
  vi.stubGlobal('fetch', async (url: URL, init: RequestInit) => {
    fetches.push([String(url), init]);
    return answer();
  });
  keys = remoteKeySet(new URL('https://tokens.example.com/keys?secret'), () => new Date(nowMs));
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

function serve(...kids: string[]): void {
  answer = () => Response.json({ keys: kids.map((kid) => jwks[kid]) });
}

const find = async (kid: string) => (await keys({ alg: 'ES256', kid })).type;
const unknown = expect.objectContaining({ code: 'ERR_JWKS_NO_MATCHING_KEY' });
const unavailable = (reason: string) => {
  const message = `no keys from the token server at https://tokens.example.com/keys: ${reason}`;
  return expect.objectContaining({ name: 'DependencyUnavailable', message, cause: expect.any(Error) });
};

test('is fetched once in ten minutes, without redirects and within 5 seconds', async () => {
  const timeout = vi.spyOn(AbortSignal, 'timeout');
  expect(await find('a')).toBe('public');
  nowMs = START_MS + 10 * MINUTE_MS - 1;
  expect(await find('a')).toBe('public');
  expect(fetches).toHaveLength(1);
  const [url, { redirect, headers, signal }] = fetches[0]!;
  expect([url, redirect, signal]).toEqual(['https://tokens.example.com/keys?secret', 'manual', expect.any(AbortSignal)]);
  expect(timeout.mock.calls).toEqual([[5000]]);
  expect(headers).toEqual({ Accept: 'application/json, application/jwk-set+json' });
  nowMs = START_MS + 10 * MINUTE_MS;
  serve('b');
  await expect(find('a')).rejects.toEqual(unknown);
  expect(fetches).toHaveLength(2);
});

test('is fetched for an unknown key, every 30 seconds at most', async () => {
  await find('a');
  serve('a', 'b');
  nowMs = START_MS + 29_999;
  await expect(find('b')).rejects.toEqual(unknown);
  expect(fetches).toHaveLength(1);
  nowMs = START_MS + 30_000;
  expect(await find('b')).toBe('public');
  expect(await find('a')).toBe('public');
  await expect(find('c')).rejects.toEqual(unknown);
  expect(fetches).toHaveLength(2);
});

test('is fetched again 5 seconds after a failure', async () => {
  answer = () => new Response('', { status: 201 });
  const failure = unavailable('the token server answered 201 instead of 200');
  await expect(find('a')).rejects.toEqual(failure);
  serve('a');
  nowMs = START_MS + 4999;
  await expect(find('a')).rejects.toEqual(failure);
  expect(fetches).toHaveLength(1);
  nowMs = START_MS + 5000;
  expect(await find('a')).toBe('public');
  expect(fetches).toHaveLength(2);
});

test('keeps the last keys while the server fails, and says so of the others', async () => {
  await find('a');
  answer = () => {
    throw new TypeError('connection refused');
  };
  nowMs = START_MS + 10 * MINUTE_MS;
  expect(await find('a')).toBe('public');
  expect(fetches).toHaveLength(2);
  await expect(find('b')).rejects.toEqual(unavailable('connection refused'));
  expect(fetches).toHaveLength(2);
  nowMs += 5000;
  serve('a', 'b');
  expect(await find('b')).toBe('public');
});

test('may throw a value that is not an error', async () => {
  answer = () => {
    throw 'away'; // oxlint-disable-line no-throw-literal
  };
  await expect(find('a')).rejects.toThrow('https://tokens.example.com/keys: away');
});

test('with a malformed key is unavailable', async () => {
  answer = () => Response.json({ keys: [{ kty: 'EC', crv: 'P-256', x: 'a', y: 'b', kid: 'a', alg: 'ES256' }] });
  await expect(find('a')).rejects.toMatchObject({ name: 'DependencyUnavailable' });
});

test('leaves the choice of several keys to the caller', async () => {
  serve('a', 'b');
  await expect(keys({ alg: 'ES256' })).rejects.toMatchObject({ code: 'ERR_JWKS_MULTIPLE_MATCHING_KEYS' });
});
