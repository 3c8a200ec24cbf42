import { z } from 'zod';
import { type Digest, findDigest } from './digest.ts';
import { Failure } from './failure.ts';

/** What one manifest says of others: everything a registry must know of it. The bytes themselves are kept as they came. */
export interface Manifest {
  readonly mediaType: string;
  /** What must be in the repository before this manifest, each digest once. */
  readonly references: readonly ManifestReference[];
  /** Whether it names layers that are to be fetched from elsewhere, which nobody has to push. */
  readonly hasForeignLayers: boolean;
  /** What this manifest refers to; it need not be there, now or ever. */
  readonly subject?: Digest | undefined;
  /** An image without one has its config's media type for it; an index has none then. */
  readonly artifactType?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

export interface ManifestReference {
  readonly digest: Digest;
  /** A child of an index: a manifest mostly, but older buildkit caches list layers there. */
  readonly kind: 'blob' | 'child';
  /** Whether its descriptor says so: where it most likely stands, not what it is. */
  readonly isManifest: boolean;
}

const OCI_IMAGE = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
const DOCKER_IMAGE = 'application/vnd.docker.distribution.manifest.v2+json';
const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';

const IMAGES = [OCI_IMAGE, DOCKER_IMAGE];
const INDEXES = [OCI_INDEX, DOCKER_LIST];
const SCHEMA_1 = /^application\/vnd\.docker\.distribution\.manifest\.v1\+(json|prettyjws)$/;

/** The specification asks for 4 megabytes at least. */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

/** Each costs a storage operation when the manifest is pushed, or two, and one request makes 2,100 at most. */
const MAX_REFERENCES = 900;

const digest = z.string().transform((text, context) => {
  const found = findDigest(text);
  if (found !== undefined) return found;
  context.addIssue({ code: 'custom', message: 'is not a sha256 or sha512 digest' });
  return z.NEVER;
});

const descriptor = z.object({
  mediaType: z.string(),
  digest,
  size: z.int().nonnegative(),
  urls: z.array(z.string()).optional(),
});

const common = {
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  artifactType: z.string().nullish(),
  subject: descriptor.nullish(),
  annotations: z.record(z.string(), z.string()).nullish(),
};
const imageManifest = z.object({ ...common, config: descriptor, layers: z.array(descriptor).nullish() });
const indexManifest = z.object({ ...common, manifests: z.array(descriptor).nullable() });

/**
 * Reads a manifest as its Content-Type says, or, without one, as its own `mediaType` says.
 *
 * @param contentType - without parameters; undefined where the client sent none
 * @throws {Failure} manifest-invalid
 */
export function parseManifest(bytes: Uint8Array, contentType: string | undefined): Manifest {
  const json = parseJsonObject(bytes);
  const ownType = json['mediaType'];
  if (isSchema1(json, contentType))
    throw invalid('Docker schema 1 manifests are no longer accepted: push with a newer client (Docker 1.10 or later)');
  if (contentType !== undefined && typeof ownType === 'string' && ownType !== contentType)
    throw invalid(`Content-Type is ${contentType}, but the manifest's mediaType is ${ownType}`);
  const mediaType = contentType ?? ownType;
  if (typeof mediaType !== 'string') throw invalid('neither Content-Type nor the manifest says which media type it has');
  if (IMAGES.includes(mediaType)) return { mediaType, ...parseImage(json) };
  if (INDEXES.includes(mediaType)) return { mediaType, ...parseIndex(json) };
  throw invalid(`${mediaType} is not a manifest type that can be stored here`);
}

function parseImage(json: Record<string, unknown>): Omit<Manifest, 'mediaType'> {
  if ('manifests' in json) throw invalid('an image manifest has no manifests: this is an index');
  const image = parseShape(imageManifest, json);
  const layers = image.layers ?? [];
  const stored = layers.filter((layer) => layer.urls === undefined || layer.urls.length === 0);
  return {
    references: uniqueReferences([image.config, ...stored], 'blob'),
    hasForeignLayers: stored.length < layers.length,
    subject: image.subject?.digest,
    artifactType: image.artifactType || image.config.mediaType,
    annotations: image.annotations ?? undefined,
  };
}

function parseIndex(json: Record<string, unknown>): Omit<Manifest, 'mediaType'> {
  if ('config' in json || 'layers' in json) throw invalid('an index has no config and no layers: this is an image manifest');
  const index = parseShape(indexManifest, json);
  return {
    references: uniqueReferences(index.manifests ?? [], 'child'),
    hasForeignLayers: false,
    subject: index.subject?.digest,
    artifactType: index.artifactType || undefined,
    annotations: index.annotations ?? undefined,
  };
}

function uniqueReferences(
  descriptors: readonly { digest: Digest; mediaType: string }[],
  kind: ManifestReference['kind'],
): ManifestReference[] {
  const mediaTypes = new Map(descriptors.map(({ digest, mediaType }) => [digest, mediaType]));
  if (mediaTypes.size > MAX_REFERENCES)
    throw invalid(`a manifest may name ${MAX_REFERENCES} blobs and manifests here, not ${mediaTypes.size}`);
  const isManifest = (mediaType: string) => [...IMAGES, ...INDEXES].includes(mediaType);
  return [...mediaTypes].map(([digest, mediaType]) => ({ digest, kind, isManifest: isManifest(mediaType) }));
}

function isSchema1(json: Record<string, unknown>, contentType: string | undefined): boolean {
  return json['schemaVersion'] === 1 || SCHEMA_1.test(contentType ?? '');
}

function parseJsonObject(bytes: Uint8Array): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw invalid('the manifest is not JSON in UTF-8', cause);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw invalid('the manifest is not a JSON object');
  return json as Record<string, unknown>;
}

function parseShape<T>(shape: z.ZodType<T>, json: unknown): T {
  const parsed = shape.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw invalid(`${issue?.path.join('.') || 'manifest'}: ${issue?.message}`);
}

function invalid(message: string, cause?: unknown): Failure {
  return new Failure('manifest-invalid', message, { cause });
}
