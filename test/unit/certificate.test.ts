/** Chains of certificates: which lead to a root. */
import { X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { findCertificate, keyOfChain } from '../../src/domain/certificate.ts';
import { type Certified, makeCertificate } from '../support/certificates.ts';

const NOW = new Date('2026-11-28T12:00:00Z');
const FROM = new Date('2026-11-28T00:00:00Z');
const TO = new Date('2026-11-29T00:00:00Z');
const made = (name: string, issuer?: Certified, more: object = {}) =>
  makeCertificate(name, { notBefore: FROM, notAfter: TO, ...(issuer && { issuer }), ...more });
const authority = (name: string, issuer?: Certified, more: object = {}) => made(name, issuer, { isAuthority: true, ...more });

const ROOT = authority('root');
const LEAF = made('leaf', ROOT);

function leadsTo(roots: readonly Certified[], chain: readonly Certified[], now = NOW): boolean {
  const key = keyOfChain(
    roots.map(({ pem }) => new X509Certificate(pem)),
    chain.map(({ base64 }) => base64),
    now,
  );
  if (key !== undefined) expect(key.equals(new X509Certificate(chain[0]!.pem).publicKey)).toBe(true);
  return key !== undefined;
}

test('is PEM, or base64 of DER', () => {
  for (const text of [ROOT.pem, ROOT.base64]) expect(findCertificate(text)?.subject).toBe('CN=root');
  for (const text of ['', 'no certificate', ROOT.pem.slice(0, 80)]) expect(findCertificate(text)).toBeUndefined();
});

describe('a chain leads to a root', () => {
  test('that signed its only certificate, or is it', () => {
    expect([leadsTo([ROOT], [LEAF]), leadsTo([ROOT], [ROOT]), leadsTo([LEAF], [LEAF])]).toEqual([true, true, true]);
    expect([leadsTo([], [LEAF]), leadsTo([ROOT], [])]).toEqual([false, false]);
    expect(leadsTo([authority('other'), ROOT], [LEAF])).toBe(true);
    expect(leadsTo([authority('root')], [LEAF])).toBe(false);
  });

  test('over authorities between them, five certificates at most', () => {
    const chain: Certified[] = [];
    for (let issuer = ROOT; chain.length < 5; issuer = chain[0]!) chain.unshift(authority(`level ${chain.length}`, issuer));
    expect(leadsTo([ROOT], chain)).toBe(true);
    expect(leadsTo([ROOT], [made('leaf', chain[0]), ...chain])).toBe(false);
    expect(leadsTo([ROOT], [...chain.slice(0, 1), ...chain.slice(2)])).toBe(false);
    expect(leadsTo([ROOT], chain.toReversed())).toBe(false);
  });

  test('not over a certificate that is no authority', () => {
    const between = made('between', ROOT);
    expect(leadsTo([ROOT], [made('leaf', between), between])).toBe(false);
    expect(leadsTo([between], [made('leaf', between)])).toBe(false);
  });

  test('not by a name alone', () => {
    const impostor = authority('root');
    expect(leadsTo([ROOT], [made('leaf', impostor), impostor])).toBe(false);
    expect(leadsTo([ROOT], [made('leaf', { ...ROOT, name: 'another' })])).toBe(false);
  });

  test('as long as all of them are valid', () => {
    expect([FROM, TO].map((time) => leadsTo([ROOT], [LEAF], time))).toEqual([true, true]);
    const late = new Date(+TO + 1000);
    const early = new Date(+FROM - 1000);
    for (const time of [late, early]) {
      const wide = { notBefore: new Date(+FROM - 5000), notAfter: new Date(+TO + 5000) };
      const root = authority('root', undefined, wide);
      expect(leadsTo([root], [made('leaf', root, wide)], time)).toBe(true);
      expect(leadsTo([root], [made('leaf', root)], time)).toBe(false);
      expect(leadsTo([ROOT], [made('leaf', ROOT, wide)], time)).toBe(false);
      const between = authority('between', root);
      expect(leadsTo([root], [made('leaf', between, wide), between], time)).toBe(false);
    }
  });

  test('not with something else in it', () => {
    expect(keyOfChain([new X509Certificate(ROOT.pem)], [LEAF.base64, 'AAAA'], NOW)).toBeUndefined();
    expect(keyOfChain([new X509Certificate(ROOT.pem)], ['AAAA', LEAF.base64], NOW)).toBeUndefined();
  });
});
