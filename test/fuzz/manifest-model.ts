import { isDigest } from './spec.ts';

/** What the registry must read from a valid manifest: https://github.com/opencontainers/image-spec/blob/main/manifest.md */
export interface Reading {
  readonly mediaType: string;
  /** Digests that must be in the repository. */
  readonly names: readonly string[];
  /** Of layers with `urls`, which need not be in the repository. */
  readonly foreign: readonly string[];
  readonly subject: string | undefined;
  readonly artifactType: string | undefined;
  readonly annotations: unknown;
}

const IMAGES = ['application/vnd.oci.image.manifest.v1+json', 'application/vnd.docker.distribution.manifest.v2+json'];
const INDEXES = ['application/vnd.oci.image.index.v1+json', 'application/vnd.docker.distribution.manifest.list.v2+json'];
const MAX_NAMES = 900;
const MAX_VALUES = 50_000;

/** Reads a manifest by the image specification. Undefined for an invalid one, or one of a type that this registry does not store. */
export function readManifest(bytes: Uint8Array, contentType: string | undefined): Reading | undefined {
  const json = parse(bytes);
  if (!isObject(json) || json['schemaVersion'] !== 2 || valuesIn(bytes) > MAX_VALUES) return undefined;
  if (!isPlain(new TextDecoder().decode(bytes))) return undefined;
  const { mediaType: own, subject, artifactType, annotations, config, layers, manifests } = json;
  const mediaType = contentType ?? own;
  if (typeof mediaType !== 'string' || (!isAbsent(own) && own !== mediaType)) return undefined;
  if (!isAbsent(subject) && !isDescriptor(subject)) return undefined;
  if (!isAbsent(artifactType) && typeof artifactType !== 'string') return undefined;
  if (!isAbsent(annotations) && !(isObject(annotations) && Object.values(annotations).every(isString))) return undefined;
  const told = { mediaType, subject: subject?.digest, annotations: annotations ?? undefined };
  if (IMAGES.includes(mediaType)) {
    if (!isAbsent(json['manifests']) || !isDescriptor(config) || !isListOrAbsent(layers)) return undefined;
    const all = [config, ...(layers ?? [])];
    const required = new Set(all.filter(({ urls }, index) => index === 0 || !urls?.length).map(({ digest }) => digest));
    const digests = new Set(all.map(({ digest }) => digest));
    if (digests.size > MAX_NAMES) return undefined;
    // Not intersection(): its order depends on the sizes of the two sets.
    const [names, foreign] = [[...digests.intersection(required)].sort(), [...digests.difference(required)].sort()];
    return { ...told, names, foreign, artifactType: artifactType || config.mediaType };
  }
  if (!INDEXES.includes(mediaType) || !isAbsent(config) || !isAbsent(layers)) return undefined;
  if (manifests === undefined || !isListOrAbsent(manifests)) return undefined;
  const names = new Set(manifests?.map(({ digest }) => digest));
  const isTooLong = names.size > MAX_NAMES;
  return isTooLong ? undefined : { ...told, names: [...names].sort(), foreign: [], artifactType: artifactType || undefined };
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly urls?: readonly string[] | null;
}

function isDescriptor(value: unknown): value is Descriptor {
  if (!isObject(value)) return false;
  const { mediaType, digest, size, urls } = value;
  const hasSize = Number.isSafeInteger(size) && (size as number) >= 0;
  return isString(mediaType) && isString(digest) && isDigest(digest) && hasSize && (isAbsent(urls) || isListOf(urls, isString));
}

/** Go writes an empty list as null. */
function isListOrAbsent(value: unknown): value is readonly Descriptor[] | null | undefined {
  return isAbsent(value) || isListOf(value, isDescriptor);
}

function isListOf(value: unknown, isOne: (one: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isOne);
}

function isAbsent(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const OBJECTS = {
  manifest: ['schemaVersion', 'mediaType', 'artifactType', 'config', 'layers', 'manifests', 'subject', 'annotations'],
  descriptor: ['mediaType', 'digest', 'size', 'urls', 'annotations', 'data', 'artifactType', 'platform'],
  platform: ['architecture', 'os', 'os.version', 'os.features', 'variant', 'features'],
} as const;
type Kind = keyof typeof OBJECTS;
const KINDS: Readonly<Record<string, Kind>> = {
  config: 'descriptor',
  layers: 'descriptor',
  manifests: 'descriptor',
  subject: 'descriptor',
  platform: 'platform',
};
const MAX_DEPTH = 10_000;

/** JSON as it is written. */
type Written = string | { readonly entries: readonly (readonly [name: string, value: Written])[] } | readonly Written[];

/** Whether clients in Go read the same: each field of the specification occurs at most once, in its exact spelling, and integers are integers. */
function isPlain(text: string): boolean {
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s{}[\]:,"]+/g)!;
  let [depth, deepest] = [0, 0];
  for (const token of tokens) {
    depth += Number(token === '{' || token === '[') - Number(token === '}' || token === ']');
    deepest = Math.max(deepest, depth);
  }
  return deepest <= MAX_DEPTH && isPlainAs('manifest', written(tokens.values()));
}

function written(tokens: Iterator<string>, token = tokens.next().value as string): Written {
  if (token === '[') {
    const items: Written[] = [];
    for (let next = tokens.next().value as string; next !== ']'; next = tokens.next().value as string)
      if (next !== ',') items.push(written(tokens, next));
    return items;
  }
  if (token !== '{') return token;
  const entries: [string, Written][] = [];
  for (let next = tokens.next().value as string; next !== '}'; next = tokens.next().value as string) {
    if (next === ',') continue;
    tokens.next();
    entries.push([JSON.parse(next) as string, written(tokens)]);
  }
  return { entries };
}

function isPlainAs(kind: Kind, value: Written): boolean {
  if (typeof value === 'string') return true;
  if ('length' in value) return value.every((each) => isPlainAs(kind, each));
  return OBJECTS[kind].every((field) => {
    // Simple case folding, as in Go.
    const same = new RegExp(`^${field.replace('.', '\\.')}$`, 'iu');
    const found = value.entries.filter(([name]) => same.test(name));
    if (found.length > 1 || found.some(([name]) => name !== field)) return false;
    if (found.length === 0) return true;
    const [, inside] = found[0]!;
    if (field === 'size' || field === 'schemaVersion') return typeof inside === 'string' && /^-?\d+$/.test(inside);
    const kindOfIt = KINDS[field];
    return kindOfIt === undefined || isPlainAs(kindOfIt, inside);
  });
}

/** As written, so that a name that occurs twice counts twice. */
function valuesIn(bytes: Uint8Array): number {
  const outside = new TextDecoder().decode(bytes).replace(/"(?:[^"\\]|\\.)*"/g, '');
  return outside.replace(/[^,[{]/g, '').length;
}

function parse(bytes: Uint8Array): unknown {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
