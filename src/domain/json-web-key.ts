import { createPublicKey, type JsonWebKey } from 'node:crypto';

/** Whether tokens can be verified with a key of a key set (RFC 7517): RS256 by RSA, ES256 by P-256. */
export function isVerifyingKey(key: JsonWebKey): boolean {
  if (key.kty !== 'RSA' && !(key.kty === 'EC' && key.crv === 'P-256')) return false;
  try {
    createPublicKey({ key, format: 'jwk' });
    return true;
  } catch {
    return false;
  }
}

/** Whether the key is private or symmetric: only the token server should hold one. */
export function isSecretKey(key: JsonWebKey): boolean {
  return key.d !== undefined || key.kty === 'oct';
}
