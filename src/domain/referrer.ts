import { z } from 'zod';
import { algorithmOf, type Digest, findDigest, hexOf } from './digest.ts';
import type { Manifest } from './manifest.ts';
import type { Tag } from './reference.ts';

/**
 * The descriptor of a manifest with a subject, in a list of referrers:
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers
 */
export interface Referrer {
  readonly mediaType: string;
  readonly digest: Digest;
  /** The bytes of the manifest. */
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

/** Encodes all fields but the digest, which is in the key. */
export function encodeReferrer({ digest: _, ...description }: Referrer): string {
  return JSON.stringify(description);
}

/** @throws where the text is not from `encodeReferrer` */
export function decodeReferrer(digest: Digest, text: string): Referrer {
  const { mediaType, size, ...rest } = described.parse(JSON.parse(text));
  return { mediaType, digest, size, ...rest };
}

/** The subject of a stored manifest. The other fields are not checked. */
export function subjectOf(manifest: Uint8Array): Digest | undefined {
  const { subject } = JSON.parse(new TextDecoder().decode(manifest)) as { subject?: { digest?: unknown } | null };
  return typeof subject?.digest === 'string' ? findDigest(subject.digest) : undefined;
}

/**
 * The tag that clients use for a list of referrers where a registry has no API for it. cosign adds a suffix:
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#referrers-tag-schema
 */
export function subjectTag(subject: Digest): string {
  return `${algorithmOf(subject)}-${hexOf(subject).slice(0, 64)}`;
}

/** The `subjectTag` at the start of a tag; undefined for a tag of another kind. */
export function findSubjectTag(tag: Tag): string | undefined {
  return /^(sha256|sha512)-[0-9a-f]{64}(?=$|\.)/.exec(tag)?.[0];
}
