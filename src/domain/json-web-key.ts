import { createPublicKey, type JsonWebKey } from 'node:crypto';

/** Whether a key of a key set (RFC 7517) can verify tokens: RS256 by an RSA key, ES256 by a P-256 key. */
export function isVerifyingKey(key: JsonWebKey): boolean {
  if (key.kty !== 'RSA' && !(key.kty === 'EC' && key.crv === 'P-256')) return false;
  try {
    createPublicKey({ key, format: 'jwk' });
    return true;
  } catch {
    return false;
  }
}

/** Whether the key is private or symmetric: only the token server should have such a key. */
export function isSecretKey(key: JsonWebKey): boolean {
  return key.d !== undefined || key.kty === 'oct';
}
