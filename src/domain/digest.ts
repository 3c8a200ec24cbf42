import { createHash, type Hash } from 'node:crypto';
import { quoted } from './excerpt.ts';
import { Failure } from './failure.ts';

/**
 * A content digest in its canonical text form, `sha256:<64 hex>` or `sha512:<128 hex>`.
 * @see https://github.com/opencontainers/image-spec/blob/main/descriptor.md#digests
 */
export type Digest = string & { readonly __brand: 'Digest' };

/** The algorithms that the image specification registers. */
const ALGORITHMS = ['sha256', 'sha512'] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

const PATTERN = /^(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/;

export function findDigest(text: string): Digest | undefined {
  return PATTERN.test(text) ? (text as Digest) : undefined;
}

/** @throws {Failure} digest-invalid, also for an algorithm that is not supported */
export function parseDigest(text: string): Digest {
  const digest = findDigest(text);
  if (digest === undefined)
    throw new Failure(
      'digest-invalid',
      `${quoted(text)} is not a digest: use sha256:<64 hex digits> or sha512:<128 hex digits>`,
      {
        detail: text,
      },
    );
  return digest;
}

/** @throws {Failure} digest-invalid where the algorithm is not supported */
export function parseAlgorithm(text: string): Algorithm {
  const algorithm = ALGORITHMS.find((known) => known === text);
  if (algorithm === undefined)
    throw new Failure('digest-invalid', `${quoted(text)} is not a supported digest algorithm: use ${ALGORITHMS.join(' or ')}`, {
      detail: text,
    });
  return algorithm;
}

export function algorithmOf(digest: Digest): Algorithm {
  return digest.startsWith('sha256:') ? 'sha256' : 'sha512';
}

export function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

export function digestOf(bytes: Uint8Array, algorithm: Algorithm = 'sha256'): Digest {
  return new Hasher([algorithm]).update(bytes).digest(algorithm);
}

/**
 * Hashes a stream of bytes by several algorithms at once. It uses the native hash, which in workerd is 16 times as fast as
 * JavaScript. The state of a native hash can't be saved between requests.
 */
export class Hasher {
  readonly #hashes: ReadonlyMap<Algorithm, Hash>;

  constructor(algorithms: readonly Algorithm[]) {
    this.#hashes = new Map(algorithms.map((algorithm) => [algorithm, createHash(algorithm)]));
  }

  update(bytes: Uint8Array): this {
    for (const hash of this.#hashes.values()) hash.update(bytes);
    return this;
  }

  /** Ends the hash of one algorithm of the constructor. Can be called once for each. */
  digest(algorithm: Algorithm): Digest {
    const hash = this.#hashes.get(algorithm);
    if (hash === undefined) throw new TypeError(`this hasher was not created for ${algorithm}`);
    return `${algorithm}:${hash.digest('hex')}` as Digest;
  }

  digests(): Digest[] {
    return [...this.#hashes.keys()].map((algorithm) => this.digest(algorithm));
  }
}
