import { Buffer } from 'node:buffer';
import { algorithmOf, type Digest, hexOf } from '../domain/digest.ts';
import type { RepositoryName } from '../domain/reference.ts';
import { GrowableArray } from './growable-array.ts';

/** Only so many bytes of a digest are kept. Digests that begin with the same bytes count as one, which only keeps more. */
const PREFIX_BYTES = 8;
const NONE = -1;

/**
 * Tells which repositories link a blob, from one listing. It takes some eighty bytes for each blob and eight for each link, since
 * it is made of columns and not of objects.
 */
export class BlobLinkIndex {
  readonly #names: RepositoryName[] = [];
  readonly #rows = new Map<string, number>();
  /** For each blob, its last link. */
  readonly #lastLink = new GrowableArray(Int32Array);
  /** For each link, its repository and the link before it to the same blob. */
  readonly #repository = new GrowableArray(Uint32Array);
  readonly #linkBefore = new GrowableArray(Int32Array);

  /** All links of one repository must be added one after the other. */
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

/** A string with one character for each byte. JavaScript engines keep it in as many bytes. */
function compact(digest: Digest): string {
  const bytes = Buffer.from(hexOf(digest).slice(0, PREFIX_BYTES * 2), 'hex').toString('latin1');
  return algorithmOf(digest) === 'sha256' ? bytes : `${bytes}!`;
}
