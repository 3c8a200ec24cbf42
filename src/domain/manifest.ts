import { type Digest, findDigest } from './digest.ts';
import { excerpt } from './excerpt.ts';
import { Failure } from './failure.ts';
import { hasMoreValues } from './json-values.ts';
import { checkSpelling } from './manifest-spelling.ts';

/** What one manifest says of others: everything a registry must know of it. The bytes themselves are kept as they came. */
export interface Manifest {
  readonly mediaType: string;
  /** What it is made of, each digest once: what is in the repository stays there as long as the manifest does. */
  readonly references: readonly ManifestReference[];
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
  /** Whether it must be in the repository before the manifest: all but layers with `urls`, which clients may fetch from there. */
  readonly isRequired: boolean;
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

/** What reading it costs depends on it. Two thousand layers with fifteen annotations each have fewer. */
const MAX_VALUES = 50_000;

/**
 * Reads a manifest that is pushed, as its Content-Type says, or, without one, as its own `mediaType` says.
 *
 * @param contentType - without parameters; undefined where the client sent none
 * @throws {Failure} manifest-invalid
 */
export function parseManifest(bytes: Uint8Array, contentType: string | undefined): Manifest {
  if (hasMoreValues(bytes, MAX_VALUES)) throw invalid(`a manifest may have ${MAX_VALUES} JSON values here, not more`);
  const manifest = parseStoredManifest(bytes, contentType);
  const { length } = manifest.references;
  if (length > MAX_REFERENCES) throw invalid(`a manifest may name ${MAX_REFERENCES} blobs and manifests here, not ${length}`);
  checkSpelling(bytes);
  return manifest;
}

/**
 * The same without limits and without a check of the spelling: the version that accepted it had its own rules.
 * @throws {Failure} manifest-invalid
 */
export function parseStoredManifest(bytes: Uint8Array, contentType: string | undefined): Manifest {
  const json = parseJsonObject(bytes);
  const ownType = json['mediaType'];
  if (isSchema1(json, contentType))
    throw invalid('Docker schema 1 manifests are no longer accepted: push with a newer client (Docker 1.10 or later)');
  if (contentType !== undefined && typeof ownType === 'string' && ownType !== contentType)
    throw invalid(`Content-Type is ${excerpt(contentType)}, but the manifest's mediaType is ${excerpt(ownType)}`);
  const mediaType = contentType ?? ownType;
  if (typeof mediaType !== 'string') throw invalid('neither Content-Type nor the manifest says which media type it has');
  if (IMAGES.includes(mediaType)) return { mediaType, ...parseImage(json) };
  if (INDEXES.includes(mediaType)) return { mediaType, ...parseIndex(json) };
  throw invalid(`${excerpt(mediaType)} is not a manifest type that can be stored here`);
}

type Json = Readonly<Record<string, unknown>>;

function parseImage(json: Json): Omit<Manifest, 'mediaType'> {
  if (!isAbsent(json['manifests'])) throw invalid('an image manifest has no manifests: this is an index');
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
    throw invalid('an index has no config and no layers: this is an image manifest');
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
  if (schemaVersion !== 2) throw invalid('schemaVersion: is not 2');
  if (!isAbsent(mediaType)) parseString(mediaType, 'mediaType');
  return {
    subject: isAbsent(subject) ? undefined : parseDescriptor(subject, 'subject').digest,
    artifactType: isAbsent(artifactType) ? undefined : parseString(artifactType, 'artifactType') || undefined,
    annotations: isAbsent(annotations) ? undefined : parseAnnotations(annotations),
  };
}

/** Each digest once. One named both as required and not is required. */
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

// By hand and up to the first fault: zod goes on behind it, and collects what is wrong with each element.

function parseDescriptors(json: unknown, place: string): Descriptor[] {
  return parseArray(json, place).map((each, index) => parseDescriptor(each, `${place}.${index}`));
}

/** https://github.com/opencontainers/image-spec/blob/main/descriptor.md#properties */
function parseDescriptor(json: unknown, place: string): Descriptor {
  const { mediaType: type, digest: text, size, urls } = parseObject(json, place);
  const mediaType = parseString(type, `${place}.mediaType`);
  const digest = findDigest(parseString(text, `${place}.digest`));
  if (digest === undefined) throw invalid(`${place}.digest: is not a sha256 or sha512 digest`);
  if (!Number.isSafeInteger(size) || (size as number) < 0) throw invalid(`${place}.size: is not a whole number from 0 on`);
  const places = isAbsent(urls) ? [] : parseArray(urls, `${place}.urls`);
  for (const [index, url] of places.entries()) parseString(url, `${place}.urls.${index}`);
  return { mediaType, digest, hasUrls: places.length > 0 };
}

function parseAnnotations(json: unknown): Readonly<Record<string, string>> {
  const annotations = parseObject(json, 'annotations');
  for (const key of Object.keys(annotations)) parseString(annotations[key], `annotations.${excerpt(key)}`);
  return annotations as Readonly<Record<string, string>>;
}

function parseObject(json: unknown, place: string): Json {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw invalid(`${place}: is not an object`);
  return json as Json;
}

function parseArray(json: unknown, place: string): readonly unknown[] {
  if (!Array.isArray(json)) throw invalid(`${place}: is not a list`);
  return json;
}

function parseString(json: unknown, place: string): string {
  if (typeof json !== 'string') throw invalid(`${place}: is not a string`);
  return json;
}

/** Go writes an empty list as null, and reads null as if the field were left out; some clients write that for each such field. */
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
    throw invalid('the manifest is not JSON in UTF-8', cause);
  }
  return parseObject(json, 'the manifest');
}

function invalid(message: string, cause?: unknown): Failure {
  return new Failure('manifest-invalid', message, { cause });
}
