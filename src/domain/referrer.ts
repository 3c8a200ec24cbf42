import { z } from 'zod';
import { algorithmOf, type Digest, findDigest, hexOf } from './digest.ts';
import type { Manifest } from './manifest.ts';
import type { Tag } from './reference.ts';

/**
 * A manifest with a subject, as a list of referrers tells of it:
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers
 */
export interface Referrer {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Of the manifest, in bytes. */
  readonly size: number;
  readonly artifactType?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

export function describeReferrer(manifest: Manifest, digest: Digest, size: number): Referrer {
  const { mediaType, artifactType, annotations } = manifest;
  return { mediaType, digest, size, artifactType, annotations };
}

const described = z.object({
  mediaType: z.string(),
  size: z.int().nonnegative(),
  artifactType: z.string().optional(),
  annotations: z.record(z.string(), z.string()).optional(),
});

/** All but the digest, which the key holds. */
export function encodeReferrer({ digest: _, ...description }: Referrer): string {
  return JSON.stringify(description);
}

/** @throws where the text is not what `encodeReferrer` made */
export function decodeReferrer(digest: Digest, text: string): Referrer {
  const { mediaType, size, ...rest } = described.parse(JSON.parse(text));
  return { mediaType, digest, size, ...rest };
}

/** What a stored manifest says it refers to; read without judging the rest of it. */
export function subjectOf(manifest: Uint8Array): Digest | undefined {
  const { subject } = JSON.parse(new TextDecoder().decode(manifest)) as { subject?: { digest?: unknown } | null };
  return typeof subject?.digest === 'string' ? findDigest(subject.digest) : undefined;
}

/**
 * The tag under which a client itself keeps what refers to a manifest, without the suffix that cosign adds:
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#referrers-tag-schema
 */
export function subjectTag(subject: Digest): string {
  return `${algorithmOf(subject)}-${hexOf(subject).slice(0, 64)}`;
}

/** The `subjectTag` that a tag is, or begins with; undefined for a tag of another kind. */
export function findSubjectTag(tag: Tag): string | undefined {
  return /^(sha256|sha512)-[0-9a-f]{64}(?=$|\.)/.exec(tag)?.[0];
}
