import { Buffer } from 'node:buffer';
import { type KeyObject, X509Certificate } from 'node:crypto';

/** No honest chain is longer. */
const MAX_CHAIN_LENGTH = 5;

/** @param text - PEM, or base64 of DER, as `x5c` carries it */
export function findCertificate(text: string): X509Certificate | undefined {
  try {
    return new X509Certificate(text.startsWith('-----') ? text : Buffer.from(text, 'base64'));
  } catch {
    return undefined; // Each runtime has an error of its own for it.
  }
}

/**
 * The key of a chain's first certificate, where the chain leads to one of the roots: each certificate is valid at this time
 * and signed by the next, and the last is a root or signed by one (RFC 7515, section 4.1.6).
 *
 * @param chain - base64 of DER, as `x5c` carries them
 */
export function keyOfChain(roots: readonly X509Certificate[], chain: readonly string[], now: Date): KeyObject | undefined {
  if (chain.length > MAX_CHAIN_LENGTH) return undefined;
  const certificates = chain.map(findCertificate).filter((each) => each !== undefined);
  const [leaf, last] = [certificates.at(0), certificates.at(-1)];
  if (leaf === undefined || last === undefined || certificates.length < chain.length) return undefined;
  const isTrusted =
    certificates.every((each) => isValidAt(each, now)) &&
    certificates.slice(1).every((issuer, index) => hasIssued(issuer, certificates[index]!)) &&
    // Of two roots with one name and key, as while one follows the other, either may have ended.
    roots.some((root) => isValidAt(root, now) && (root.fingerprint256 === last.fingerprint256 || hasIssued(root, last)));
  return isTrusted ? leaf.publicKey : undefined;
}

function hasIssued(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function isValidAt({ validFrom, validTo }: X509Certificate, now: Date): boolean {
  return Date.parse(validFrom) <= now.getTime() && now.getTime() <= Date.parse(validTo);
}
