import { type Digest, findDigest } from './digest.ts';
import { excerpt } from './excerpt.ts';
import { Failure } from './failure.ts';
import { hasMoreValues } from './json-values.ts';
import { checkSpelling } from './manifest-spelling.ts';

/** The fields of a manifest that a registry uses. The bytes are stored unchanged. */
export interface Manifest {
  readonly mediaType: string;
  /** The blobs and manifests that it names, each digest once. They stay in the repository as long as the manifest does. */
  readonly references: readonly ManifestReference[];
  /** The manifest that this one refers to. It may be absent. */
  readonly subject?: Digest | undefined;
  /** For an image without an artifactType, its config's media type. */
  readonly artifactType?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

export interface ManifestReference {
  readonly digest: Digest;
  /** `child`: of an index. Most are manifests, but caches of older buildkit list layers there. */
  readonly kind: 'blob' | 'child';
  /** Whether the descriptor's media type is a manifest's. It decides where to look first; the descriptor may be wrong. */
  readonly isManifest: boolean;
  /** Whether it must be in the repository before the manifest. Layers with `urls` need not: clients may fetch them from there. */
  readonly isRequired: boolean;
}

const OCI_IMAGE = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
const DOCKER_IMAGE = 'application/vnd.docker.distribution.manifest.v2+json';
const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';

const IMAGES = [OCI_IMAGE, DOCKER_IMAGE];
const INDEXES = [OCI_INDEX, DOCKER_LIST];
const SCHEMA_1 = /^application\/vnd\.docker\.distribution\.manifest\.v1\+(json|prettyjws)$/;

/** The specification requires at least 4 megabytes. */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

/** Each costs one or two storage operations in a push, and one request makes at most 2,100. */
const MAX_REFERENCES = 900;

/** The time of parsing grows with it. 2,000 layers with 15 annotations each have fewer values. */
const MAX_VALUES = 50_000;

/**
 * Parses a pushed manifest by its Content-Type, or without one by its own `mediaType`.
 *
 * @param contentType - without parameters; undefined where the client sent none
 * @throws {Failure} manifest-invalid
 */
export function parseManifest(bytes: Uint8Array, contentType: string | undefined): Manifest {
  if (hasMoreValues(bytes, MAX_VALUES))
    throw invalid(`the manifest has too many JSON values: at most ${MAX_VALUES} are accepted`);
  const manifest = parseStoredManifest(bytes, contentType);
  const { length } = manifest.references;
  if (length > MAX_REFERENCES)
    throw invalid(`the manifest names ${length} blobs and manifests: at most ${MAX_REFERENCES} are accepted`);
  checkSpelling(bytes);
  return manifest;
}

/**
 * Parses a stored manifest, without limits and without checking the spelling: an earlier version may have accepted it.
 * @throws {Failure} manifest-invalid
 */
export function parseStoredManifest(bytes: Uint8Array, contentType: string | undefined): Manifest {
  const json = parseJsonObject(bytes);
  const ownType = json['mediaType'];
  if (isSchema1(json, contentType))
    throw invalid('Docker schema 1 manifests are not supported: push with a newer client (Docker 1.10 or later)');
  if (contentType !== undefined && typeof ownType === 'string' && ownType !== contentType)
    throw invalid(`Content-Type is ${excerpt(contentType)}, but the manifest's mediaType is ${excerpt(ownType)}`);
  const mediaType = contentType ?? ownType;
  if (typeof mediaType !== 'string') throw invalid('the manifest has no media type: send a Content-Type, or set its mediaType');
  if (IMAGES.includes(mediaType)) return { mediaType, ...parseImage(json) };
  if (INDEXES.includes(mediaType)) return { mediaType, ...parseIndex(json) };
  throw invalid(`${excerpt(mediaType)} is not a supported manifest type: push an OCI or Docker image manifest or index`);
}

type Json = Readonly<Record<string, unknown>>;

function parseImage(json: Json): Omit<Manifest, 'mediaType'> {
  if (!isAbsent(json['manifests']))
    throw invalid('the media type is of an image manifest, but the field manifests is of an index');
  const { artifactType, ...common } = parseCommon(json);
  const config = parseDescriptor(json['config'], 'config');
  const layers = isAbsent(json['layers']) ? [] : parseDescriptors(json['layers'], 'layers');
  const references = uniqueReferences([
    { digest: config.digest, kind: 'blob', isManifest: false, isRequired: true },
    ...layers.map(({ digest, hasUrls }) => ({ digest, kind: 'blob' as const, isManifest: false, isRequired: !hasUrls })),
  ]);
  return { ...common, references, artifactType: artifactType ?? config.mediaType };
}

function parseIndex(json: Json): Omit<Manifest, 'mediaType'> {
  if (!isAbsent(json['config']) || !isAbsent(json['layers']))
    throw invalid('the media type is of an index, but the fields config and layers are of an image manifest');
  const common = parseCommon(json);
  const children = json['manifests'] === null ? [] : parseDescriptors(json['manifests'], 'manifests');
  const references = children.map(({ digest, mediaType }) => {
    const isManifest = [...IMAGES, ...INDEXES].includes(mediaType);
    return { digest, kind: 'child', isManifest, isRequired: true } as const;
  });
  return { ...common, references: uniqueReferences(references) };
}

function parseCommon(json: Json): Pick<Manifest, 'subject' | 'artifactType' | 'annotations'> {
  const { schemaVersion, mediaType, subject, artifactType, annotations } = json;
  if (schemaVersion !== 2) throw invalid('schemaVersion: must be 2');
  if (!isAbsent(mediaType)) parseString(mediaType, 'mediaType');
  return {
    subject: isAbsent(subject) ? undefined : parseDescriptor(subject, 'subject').digest,
    artifactType: isAbsent(artifactType) ? undefined : parseString(artifactType, 'artifactType') || undefined,
    annotations: isAbsent(annotations) ? undefined : parseAnnotations(annotations),
  };
}

/** Each digest once. A digest that is required in one place is required. */
function uniqueReferences(named: readonly ManifestReference[]): ManifestReference[] {
  const references = new Map<Digest, ManifestReference>();
  for (const reference of named)
    if (reference.isRequired || !references.has(reference.digest)) references.set(reference.digest, reference);
  return [...references.values()];
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly hasUrls: boolean;
}

// Parsed by hand, up to the first mistake: zod would continue and collect the mistakes of all elements.

function parseDescriptors(json: unknown, place: string): Descriptor[] {
  return parseArray(json, place).map((each, index) => parseDescriptor(each, `${place}.${index}`));
}

/** https://github.com/opencontainers/image-spec/blob/main/descriptor.md#properties */
function parseDescriptor(json: unknown, place: string): Descriptor {
  const { mediaType: type, digest: text, size, urls } = parseObject(json, place);
  const mediaType = parseString(type, `${place}.mediaType`);
  const digest = findDigest(parseString(text, `${place}.digest`));
  if (digest === undefined) throw invalid(`${place}.digest: must be a sha256 or sha512 digest`);
  if (!Number.isSafeInteger(size) || (size as number) < 0) throw invalid(`${place}.size: must be a whole number from 0`);
  const urlList = isAbsent(urls) ? [] : parseArray(urls, `${place}.urls`);
  for (const [index, url] of urlList.entries()) parseString(url, `${place}.urls.${index}`);
  return { mediaType, digest, hasUrls: urlList.length > 0 };
}

function parseAnnotations(json: unknown): Readonly<Record<string, string>> {
  const annotations = parseObject(json, 'annotations');
  for (const key of Object.keys(annotations)) parseString(annotations[key], `annotations.${excerpt(key)}`);
  return annotations as Readonly<Record<string, string>>;
}

function parseObject(json: unknown, place: string): Json {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw invalid(`${place}: must be an object`);
  return json as Json;
}

function parseArray(json: unknown, place: string): readonly unknown[] {
  if (!Array.isArray(json)) throw invalid(`${place}: must be a list`);
  return json;
}

function parseString(json: unknown, place: string): string {
  if (typeof json !== 'string') throw invalid(`${place}: must be a string`);
  return json;
}

/** Go writes an empty list as null, and reads null as an absent field. Some clients write null for every absent field. */
function isAbsent(json: unknown): json is null | undefined {
  return json === undefined || json === null;
}

function isSchema1(json: Json, contentType: string | undefined): boolean {
  return json['schemaVersion'] === 1 || SCHEMA_1.test(contentType ?? '');
}

function parseJsonObject(bytes: Uint8Array): Json {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw invalid('the manifest must be JSON in UTF-8', cause);
  }
  return parseObject(json, 'the manifest');
}

function invalid(message: string, cause?: unknown): Failure {
  return new Failure('manifest-invalid', message, { cause });
}
