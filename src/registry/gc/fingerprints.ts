import { Buffer } from 'node:buffer';
import { digestOf, hexOf } from '../../domain/digest.ts';

const BYTES = 16;

/** Half a SHA-256, one character for each byte. Finding two texts with one fingerprint takes 2^64 tries. */
export function fingerprintOf(text: string): string {
  return Buffer.from(hexOf(digestOf(new TextEncoder().encode(text))), 'hex').toString('latin1', 0, BYTES);
}

/** Fingerprints one behind the other, as bytes for the bucket. */
export function packFingerprints(fingerprints: Iterable<string>): Uint8Array {
  return Buffer.from([...fingerprints].join(''), 'latin1');
}

export function unpackFingerprints(bytes: Uint8Array): string[] {
  const text = Buffer.from(bytes).toString('latin1');
  return Array.from({ length: text.length / BYTES }, (_, index) => text.slice(index * BYTES, (index + 1) * BYTES));
}
