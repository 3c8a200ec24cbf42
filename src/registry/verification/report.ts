import type { RepositoryName } from '../../domain/reference.ts';

/** A blob, manifest or tag that a client can't get, or gets with wrong bytes. */
export interface Problem {
  readonly repository: RepositoryName;
  readonly kind: 'blob' | 'manifest' | 'tag';
  /** The digest, or the tag. */
  readonly name: string;
  readonly problem: string;
}

export interface VerificationReport {
  repositories: number;
  manifests: number;
  tags: number;
  /** Links of repositories to blobs. */
  links: number;
  /** Data objects that those links name; each is read once. */
  objects: number;
  bytes: number;
  readonly missing: Problem[];
  readonly corrupt: Problem[];
  /** Problems that this run has solved. */
  readonly repaired: Problem[];
  /** Objects that no link names: garbage that collection deletes later, and blobs that are being pushed now. */
  readonly unreferenced: { objects: number; bytes: number };
}

export function emptyReport(): VerificationReport {
  return {
    repositories: 0,
    manifests: 0,
    tags: 0,
    links: 0,
    objects: 0,
    bytes: 0,
    missing: [],
    corrupt: [],
    repaired: [],
    unreferenced: { objects: 0, bytes: 0 },
  };
}
