import { Buffer } from 'node:buffer';
import { algorithmOf, type Digest, hexOf } from '../domain/digest.ts';
import type { RepositoryName } from '../domain/reference.ts';
import { GrowableArray } from './growable-array.ts';

/** Bytes of a digest that are kept. Two digests that begin alike are taken as one, so that each keeps what is the other's. */
const PREFIX_BYTES = 8;
const NONE = -1;

/**
 * Which repositories have links to which blobs, as one listing tells it: about eighty bytes for each blob and eight for each
 * link, in columns rather than objects.
 */
export class BlobLinkIndex {
  readonly #names: RepositoryName[] = [];
  readonly #rows = new Map<string, number>();
  /** Of a blob: its last link. */
  readonly #lastLink = new GrowableArray(Int32Array);
  /** Of a link: whose it is, and the link before it to the same blob. */
  readonly #repository = new GrowableArray(Uint32Array);
  readonly #linkBefore = new GrowableArray(Int32Array);

  /** Must be called in the order of repositories. */
  add(name: RepositoryName, digest: Digest): void {
    if (this.#names.at(-1) !== name) this.#names.push(name);
    const row = this.#rowOf(digest) ?? this.#newRow(digest);
    const link = this.#repository.push(this.#names.length - 1);
    this.#linkBefore.push(this.#lastLink.get(row));
    this.#lastLink.set(row, link);
  }

  repositoriesWith(digest: Digest): RepositoryName[] {
    const row = this.#rowOf(digest);
    const names: RepositoryName[] = [];
    if (row === undefined) return names;
    for (let link = this.#lastLink.get(row); link !== NONE; link = this.#linkBefore.get(link))
      names.push(this.#names[this.#repository.get(link)]!);
    return names;
  }

  #rowOf(digest: Digest): number | undefined {
    return this.#rows.get(compact(digest));
  }

  #newRow(digest: Digest): number {
    const row = this.#lastLink.push(NONE);
    this.#rows.set(compact(digest), row);
    return row;
  }
}

/** A character a byte: the engine keeps such a string in as many bytes. */
function compact(digest: Digest): string {
  const bytes = Buffer.from(hexOf(digest).slice(0, PREFIX_BYTES * 2), 'hex').toString('latin1');
  return algorithmOf(digest) === 'sha256' ? bytes : `${bytes}!`;
}
