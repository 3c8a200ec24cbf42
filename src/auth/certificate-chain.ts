import { Buffer } from 'node:buffer';
import { X509Certificate } from 'node:crypto';

/** Longer chains are nobody's honest use. */
const MAX_LENGTH = 5;

/**
 * Whether a chain, leaf first, leads to one of the roots: each certificate is valid at this time, signed by the next, and
 * the last is a root itself or signed by one (RFC 7515, section 4.1.6).
 *
 * @param chain - base64 of DER, as `x5c` carries them
 */
export function leadsTo(roots: readonly string[], chain: readonly string[], now: Date): boolean {
  if (chain.length === 0 || chain.length > MAX_LENGTH) return false;
  const certificates = chain.map((text) => new X509Certificate(Buffer.from(text, 'base64')));
  const trusted = roots.map((pem) => new X509Certificate(pem));
  const last = certificates.at(-1)!;
  return (
    [...certificates, ...trusted.filter((root) => isIssuer(root, last))].every((each) => isValidAt(each, now)) &&
    certificates.slice(1).every((issuer, index) => issuer.ca && isIssuer(issuer, certificates[index]!)) &&
    trusted.some((root) => root.fingerprint256 === last.fingerprint256 || isIssuer(root, last))
  );
}

function isIssuer(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function isValidAt({ validFrom, validTo }: X509Certificate, now: Date): boolean {
  return Date.parse(validFrom) <= now.getTime() && now.getTime() <= Date.parse(validTo);
}
