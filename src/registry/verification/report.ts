import type { RepositoryName } from '../../domain/reference.ts';

/** Something that a client would miss, or get other bytes of. */
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
  /** What those links name, each read once. */
  objects: number;
  bytes: number;
  readonly missing: Problem[];
  readonly corrupt: Problem[];
  /** What was missing or corrupt, and is so no longer. */
  readonly repaired: Problem[];
  /** Objects that no link names: what collection will take, and what is being pushed at this moment. */
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
