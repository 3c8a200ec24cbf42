import { Buffer } from 'node:buffer';
import { type KeyObject, X509Certificate } from 'node:crypto';

/** No real chain is longer. */
const MAX_CHAIN_LENGTH = 5;

/** @param text - PEM, or base64 of DER as in `x5c` */
export function findCertificate(text: string): X509Certificate | undefined {
  try {
    return new X509Certificate(text.startsWith('-----') ? text : Buffer.from(text, 'base64'));
  } catch {
    return undefined; // Not caught by class: each runtime throws another one.
  }
}

/**
 * Verifies a certificate chain (RFC 7515, section 4.1.6). Each certificate must be valid at `now` and signed by the next one. The
 * last must be a root, or signed by one.
 *
 * @param chain - base64 of DER, as in `x5c`
 * @returns the key of the first certificate; undefined where the chain is not trusted
 */
export function keyOfChain(roots: readonly X509Certificate[], chain: readonly string[], now: Date): KeyObject | undefined {
  if (chain.length > MAX_CHAIN_LENGTH) return undefined;
  const certificates = chain.map(findCertificate).filter((each) => each !== undefined);
  const [leaf, last] = [certificates.at(0), certificates.at(-1)];
  if (leaf === undefined || last === undefined || certificates.length < chain.length) return undefined;
  const isTrusted =
    certificates.every((each) => isValidAt(each, now)) &&
    certificates.slice(1).every((issuer, index) => hasIssued(issuer, certificates[index]!)) &&
    // During a renewal two roots have the same name and key, and one of them may have expired.
    roots.some((root) => isValidAt(root, now) && (root.fingerprint256 === last.fingerprint256 || hasIssued(root, last)));
  return isTrusted ? leaf.publicKey : undefined;
}

function hasIssued(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function isValidAt({ validFrom, validTo }: X509Certificate, now: Date): boolean {
  return Date.parse(validFrom) <= now.getTime() && now.getTime() <= Date.parse(validTo);
}
