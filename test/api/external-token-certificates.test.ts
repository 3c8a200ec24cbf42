/** External tokens that are verified by certificates: REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE. */
import { describe, expect, test } from 'vitest';
import { type Certified, makeCertificate, rsaKey } from '../support/certificates.ts';
import {
  ALLOWED,
  expectRefused,
  externalTokenRegistry,
  KEYS,
  makeToken,
  OTHER_RSA,
  statusOf,
} from '../support/external-tokens.ts';

describe('a certificate chain', () => {
  const root = makeCertificate('root', { isAuthority: true, privateKey: rsaKey() });
  const middle = makeCertificate('middle', { issuer: root, isAuthority: true });
  const leaf = makeCertificate('leaf', { issuer: middle, privateKey: rsaKey() });
  const direct = makeCertificate('direct', { issuer: root });
  const ended = { notBefore: new Date(Date.now() - 2e9), notAfter: new Date(Date.now() - 1e9) };
  const client = externalTokenRegistry({ REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE: root.pem });
  const by = ({ privateKey }: Certified, ...chain: Certified[]) =>
    makeToken({ key: privateKey, header: { x5c: chain.map(({ base64 }) => base64) } });

  test.each([
    ['leaf, intermediate', () => by(leaf, leaf, middle)],
    ['leaf, intermediate, root', () => by(leaf, leaf, middle, root)],
    ['leaf of the root', () => by(direct, direct)],
    ['root', () => by(root, root)],
    ['none, signed by the root', () => makeToken({ key: root.privateKey, header: {} })],
    ['none but a key id, signed by the root', () => makeToken({ key: root.privateKey, header: { kid: 'unknown' } })],
  ])('is valid: %s', async (_, token) => {
    expect(await statusOf(client, await token())).toBe(ALLOWED);
  });

  const evil = makeCertificate('root', { isAuthority: true, privateKey: rsaKey() });
  const evilLeaf = makeCertificate('leaf', { issuer: evil });
  const noAuthority = makeCertificate('no authority', { issuer: root });
  const byNoAuthority = makeCertificate('leaf', { issuer: noAuthority });
  const endedLeaf = makeCertificate('ended', { issuer: root, ...ended });
  const endedMiddle = makeCertificate('middle', { issuer: root, isAuthority: true, ...ended });
  const future = makeCertificate('future', {
    issuer: root,
    notBefore: new Date(Date.now() + 1e9),
    notAfter: new Date(Date.now() + 2e9),
  });
  const sameKey = makeCertificate('another name', { isAuthority: true, privateKey: middle.privateKey, issuer: root });
  const long = Array.from({ length: 6 }).reduce<Certified[]>(
    ([issuer = root, ...others]) => [makeCertificate('long', { issuer, isAuthority: true }), issuer, ...others],
    [],
  );

  test.each([
    ['the intermediate is missing', () => by(leaf, leaf)],
    ['the order is wrong', () => by(leaf, middle, leaf)],
    ['the key is not the one that signed', () => by(evilLeaf, leaf, middle)],
    ['an untrusted root has the same name', () => by(evilLeaf, evilLeaf)],
    ['an untrusted root is in the chain', () => by(evilLeaf, evilLeaf, evil)],
    ['an unrelated root follows', () => by(evilLeaf, evilLeaf, root)],
    ['the intermediate has the right key and another name', () => by(leaf, leaf, sameKey)],
    ['the chain is an untrusted root', () => by(evil, evil)],
    ['an issuer is not a certificate authority', () => by(byNoAuthority, byNoAuthority, noAuthority)],
    ['the leaf has expired', () => by(endedLeaf, endedLeaf)],
    ['the leaf is not valid yet', () => by(future, future)],
    ['the intermediate has expired', () => by(leaf, leaf, endedMiddle)],
    ['it is too long', () => by(long[0]!, ...long)],
    ['it is missing', () => by(leaf)],
    ['it is garbage', () => makeToken({ key: leaf.privateKey, header: { x5c: ['garbage', 'AAAA', ''] } })],
    ['it is garbage behind the leaf', () => makeToken({ key: direct.privateKey, header: { x5c: [direct.base64, 'AAAA'] } })],
    ['it is a string', () => makeToken({ key: direct.privateKey, header: { x5c: direct.base64 } })],
    ['it is a list of numbers', () => makeToken({ key: direct.privateKey, header: { x5c: [1, 2] } })],
    ['it is PEM', () => makeToken({ key: evil.privateKey, header: { x5c: [evil.pem] } })],
  ])('is refused where %s', async (_, token) => {
    await expectRefused(client, await token());
  });

  test('has at most five certificates', async () => {
    const five = long.slice(-6, -1);
    expect(five).toHaveLength(5);
    expect(await statusOf(client, await by(five[0]!, ...five))).toBe(ALLOWED);
  });

  test('is refused once its root has expired, unless a new root has the same name and key', async () => {
    const old = makeCertificate('root', { isAuthority: true, privateKey: root.privateKey, ...ended });
    const token = await by(leaf, leaf, middle);
    await expectRefused(externalTokenRegistry({ REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE: old.pem }), token);
    for (const bundle of [old.pem + root.pem, root.pem + old.pem])
      expect(await statusOf(externalTokenRegistry({ REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE: bundle }), token)).toBe(ALLOWED);
  });

  test('may be missing for a key whose certificate is trusted; an intermediate may be the root', async () => {
    const own = externalTokenRegistry({ REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE: direct.pem + leaf.pem });
    expect(await statusOf(own, await by(direct, direct))).toBe(ALLOWED);
    for (const { privateKey } of [direct, leaf])
      expect(await statusOf(own, await makeToken({ key: privateKey, header: {} }))).toBe(ALLOWED);
    const inTheMiddle = externalTokenRegistry({ REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE: middle.pem });
    for (const trusted of [[leaf], [leaf, middle]]) expect(await statusOf(inTheMiddle, await by(leaf, ...trusted))).toBe(ALLOWED);
    await expectRefused(inTheMiddle, await by(direct, direct));
    const made = makeCertificate('made', { issuer: direct });
    await expectRefused(own, await by(made, made));
  });

  test('and a key set are both accepted', async () => {
    const both = externalTokenRegistry({ REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE: root.pem, REGISTRY_AUTH_TOKEN_JWKS: KEYS });
    const x5c = [leaf.base64, middle.base64];
    expect(await statusOf(both, await makeToken())).toBe(ALLOWED);
    expect(await statusOf(both, await makeToken({ header: { kid: 'rsa', x5c: [evil.base64] } }))).toBe(ALLOWED);
    expect(await statusOf(both, await makeToken({ key: leaf.privateKey, header: { kid: 'unknown', x5c } }))).toBe(ALLOWED);
    expect(await statusOf(both, await makeToken({ key: root.privateKey, header: {} }))).toBe(ALLOWED);
    await expectRefused(both, await makeToken({ key: OTHER_RSA, header: { kid: 'rsa', x5c } }));
    await expectRefused(both, await by(evilLeaf, evilLeaf, evil));
  });
});
