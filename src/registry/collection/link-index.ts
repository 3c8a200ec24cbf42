import { Buffer } from 'node:buffer';
import { algorithmOf, type Digest, hexOf } from '../../domain/digest.ts';
import type { RepositoryName } from '../../domain/reference.ts';

interface Entry {
  readonly repositories: number[];
  lastWriteMs: number;
}

/** Which repositories have links to which blobs, as one listing tells it: a few dozen bytes a link. */
export class LinkIndex {
  readonly #names: RepositoryName[] = [];
  readonly #entries = new Map<string, Entry>();

  /** In the order of repositories. A tombstone counts as a write, not as a link. */
  add(name: RepositoryName, digest: Digest, isLink: boolean, lastModified: Date): void {
    if (this.#names.at(-1) !== name) this.#names.push(name);
    const key = compact(digest);
    const entry = this.#entries.get(key) ?? { repositories: [], lastWriteMs: 0 };
    if (isLink) entry.repositories.push(this.#names.length - 1);
    entry.lastWriteMs = Math.max(entry.lastWriteMs, lastModified.getTime());
    this.#entries.set(key, entry);
  }

  repositoriesWith(digest: Digest): RepositoryName[] {
    return this.#entries.get(compact(digest))?.repositories.map((index) => this.#names[index]!) ?? [];
  }

  /** When any link to the blob was written last, in milliseconds of the storage's clock; 0 where none ever was. */
  lastWriteMs(digest: Digest): number {
    return this.#entries.get(compact(digest))?.lastWriteMs ?? 0;
  }
}

/** A character a byte: the engine keeps such a string in as many bytes. */
function compact(digest: Digest): string {
  return algorithmOf(digest) + Buffer.from(hexOf(digest), 'hex').toString('latin1');
}
