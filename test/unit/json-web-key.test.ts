/** Which keys of a key set can verify tokens, and which nobody but the token server should have. */
import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { isSecretKey, isVerifyingKey } from '../../src/domain/json-web-key.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve }).publicKey.export({ format: 'jwk' });
const ed25519 = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
const OCT = { kty: 'oct', k: 'c2VjcmV0' };

test('RSA and P-256 verify', () => {
  expect([rsa.publicKey.export({ format: 'jwk' }), ec('P-256')].map(isVerifyingKey)).toEqual([true, true]);
});

test.each([
  ['P-384', ec('P-384')],
  ['Ed25519', ed25519],
  ['oct', OCT],
  ['a broken one', { kty: 'RSA', n: 'AQAB' }],
  ['nothing', {}],
])('%s does not', (_, key) => {
  expect(isVerifyingKey(key)).toBe(false);
});

test('another kind of key on the curve P-256 does not', () => {
  expect(isVerifyingKey({ ...ed25519, crv: 'P-256' })).toBe(false);
});

test('private and symmetric keys are secret', () => {
  expect([rsa.privateKey.export({ format: 'jwk' }), OCT, rsa.publicKey.export({ format: 'jwk' })].map(isSecretKey)).toEqual([
    true,
    true,
    false,
  ]);
});
