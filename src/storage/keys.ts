/**
 * The only place that builds storage keys, and the bucket's layout, version 1:
 *
 *     objects/<alg>/<hex>/<uuid>                       blob bytes whose digest was known before they were written
 *     objects/streamed/<uuid>                          blob bytes from a multipart upload: digest known only at its end
 *     <object>!<alg>:<hex>                             empty, written at commit where the object's key does not tell this digest
 *     repositories/<name>/_blobs/<alg>/<hex>           cell: this repository has the blob, and where its bytes are
 *     repositories/<name>/_manifests/<alg>/<hex>       cell + manifest bytes
 *     repositories/<name>/_tags/<tag>                  cell + manifest bytes once more: a pull by tag is one read
 *     repositories/<name>/_tagged/<alg>/<hex>/<tag>    empty: tags that have named this manifest; the tag decides
 *     repositories/<name>/_referrers/<alg>/<hex>/<alg>/<hex>/<description>   cell: the second manifest refers to the first
 *     catalog/<name>!                                  empty: this repository exists
 *     uploads/<session>/<uuid>                         what a chunk left that filled a part: object, multipart id, parts, tail
 *     uploads/<session>/<uuid>!                        what another chunk left: its bytes, and which come before them
 *     uploads/<session>/multipart                      the one multipart upload that takes in what earlier requests sent
 *     uploads/<session>/<uuid>!<alg>                   the digest that an object was found to have when it was read back
 *     uploads/<session>/cancelled                      empty: the client cancelled the session
 *     uploads/<session>/probe-<number>!                what a probe of the store wrote, and deletes
 *     system/registry.json                             layout version, generated secret, what the store can do
 *     system/collection-state                          what one run of collection leaves to the next
 *     system/collection.json                           written by each run, to learn the storage's time
 *
 * No key is the parent path of another key: MinIO hides one of such a pair from its listings. Hence the `!`. It sorts below
 * every character of a name, so names stay in order. No component of a name starts with `_`, so no key of a repository is
 * inside another repository. Listed prefixes end in `/`: a listing of `a` never shows `a-svc`.
 *
 * Objects under objects/ hold blob bytes and may be of any size, except the markers. All other objects are small: a record of
 * an upload holds less than one part.
 */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { type Algorithm, algorithmOf, type Digest, findDigest, hexOf } from '../domain/digest.ts';
import type { RepositoryName, Tag } from '../domain/reference.ts';

export const LAYOUT_VERSION = 1;

const path = (digest: Digest) => `${algorithmOf(digest)}/${hexOf(digest)}`;

const STREAMED_PREFIX = 'objects/streamed/';
export const OBJECTS_PREFIX = 'objects/';
export const REPOSITORIES_PREFIX = 'repositories/';
export const COLLECTION_KEY = 'system/collection.json';
export const COLLECTION_STATE_KEY = 'system/collection-state';
export const CATALOG_PREFIX = 'catalog/';
export const UPLOADS_PREFIX = 'uploads/';
export const SYSTEM_KEY = 'system/registry.json';

/** S3's limit of 1,024 bytes, minus the longest root directory and its slash. */
const MAX_KEY_LENGTH = 1024 - 201;
/** A multiple of four, so that each segment encodes whole bytes. */
const DESCRIPTION_SEGMENT = /.{1,252}/g;

export const objectKey = (digest: Digest, uuid: string) => `objects/${path(digest)}/${uuid}`;
export const streamedObjectKey = (uuid: string) => `${STREAMED_PREFIX}${uuid}`;
const isStreamed = (objectKey: string) => objectKey.startsWith(STREAMED_PREFIX);
/** The key of a marker. In a listing it comes directly after its object. */
export const digestMarkerKey = (objectKey: string, digest: Digest) => `${objectKey}!${digest}`;

export const blobsPrefix = (name: RepositoryName) => `repositories/${name}/_blobs/`;
export const blobKey = (name: RepositoryName, digest: Digest) => `${blobsPrefix(name)}${path(digest)}`;
export const manifestsPrefix = (name: RepositoryName) => `repositories/${name}/_manifests/`;
export const manifestKey = (name: RepositoryName, digest: Digest) => `repositories/${name}/_manifests/${path(digest)}`;
export const tagsPrefix = (name: RepositoryName) => `repositories/${name}/_tags/`;
export const tagKey = (name: RepositoryName, tag: Tag) => `${tagsPrefix(name)}${tag}`;
export const hintsPrefix = (name: RepositoryName) => `repositories/${name}/_tagged/`;
export const taggedPrefix = (name: RepositoryName, digest: Digest) => `${hintsPrefix(name)}${path(digest)}/`;
export const taggedKey = (name: RepositoryName, digest: Digest, tag: Tag) => `${taggedPrefix(name, digest)}${tag}`;

export const allReferrersPrefix = (name: RepositoryName) => `repositories/${name}/_referrers/`;
export const referrersPrefix = (name: RepositoryName, subject: Digest) => `${allReferrersPrefix(name)}${path(subject)}/`;
export const referrerPrefix = (name: RepositoryName, subject: Digest, digest: Digest) =>
  `${referrersPrefix(name, subject)}${path(digest)}/`;

/**
 * The key contains the description, in base64url cut into segments: one listing reads a thousand referrers. If the description
 * is too long, the key contains a `!` and a hash of the artifact type. Then a listing still tells which referrers match a
 * filter, and the cell must be read for the description.
 */
export function referrerKey(
  name: RepositoryName,
  subject: Digest,
  digest: Digest,
  description: string,
  artifactType: string | undefined,
): string {
  const prefix = referrerPrefix(name, subject, digest);
  const undescribed = `${prefix}!${artifactTypeHash(artifactType)}`;
  if (description.length > MAX_KEY_LENGTH) return undescribed;
  const segments = Buffer.from(description).toString('base64url').match(DESCRIPTION_SEGMENT) ?? [];
  const key = prefix + segments.join('/');
  return key.length <= MAX_KEY_LENGTH ? key : undescribed;
}

export function artifactTypeHash(artifactType: string | undefined): string {
  return createHash('sha256')
    .update(artifactType ?? '')
    .digest('base64url');
}

/** Sorts after every key of this referrer, and before the keys of the next. */
export const behindReferrer = (name: RepositoryName, subject: Digest, digest: Digest) =>
  `${referrersPrefix(name, subject)}${path(digest)}0`;

export interface ReferrerKey {
  readonly digest: Digest;
  /** Undefined if it is too long for a key. */
  readonly description: string | undefined;
  /** The hash of the artifact type, if the description is too long. Undefined in keys of earlier versions. */
  readonly typeHash: string | undefined;
}

/** @param prefix - `referrersPrefix` */
export function parseReferrerKey(prefix: string, key: string): ReferrerKey {
  const [algorithm, hex, ...segments] = key.slice(prefix.length).split('/');
  const digest = findDigest(`${algorithm}:${hex}`)!;
  const text = segments.join('');
  if (text.startsWith('!')) return { digest, description: undefined, typeHash: text.slice(1) || undefined };
  return { digest, description: Buffer.from(text, 'base64url').toString(), typeHash: undefined };
}

export const catalogKey = (name: RepositoryName) => `${CATALOG_PREFIX}${name}!`;
export const nameOfCatalogKey = (key: string) => key.slice(CATALOG_PREFIX.length, -1) as RepositoryName;

export const sessionPrefix = (session: string) => `${UPLOADS_PREFIX}${session}/`;
export const chunkKey = (session: string, uuid: string) => `${sessionPrefix(session)}${uuid}`;
export const cancelledKey = (session: string) => `${sessionPrefix(session)}cancelled`;
export const multipartKey = (session: string) => `${sessionPrefix(session)}multipart`;
export const foundDigestKey = (session: string, object: string, algorithm: Algorithm) =>
  `${sessionPrefix(session)}${object.slice(object.lastIndexOf('/') + 1)}!${algorithm}`;
/** The name of a record that names no multipart upload. */
export const pieceName = (uuid: string) => `${uuid}!`;
/** Whether an object of a session may name a multipart upload. Only reading it tells. */
export const mayHoldMultipart = (key: string) => !key.includes('!') && !key.endsWith('/cancelled');

/** The key of an object that a probe of the storage writes and deletes. The purge treats it as a piece of an upload. */
export const probeKey = (session: string, number: number) => `${sessionPrefix(session)}probe-${number}!`;

/** Sorts after every key of this repository, and before the keys of the next. */
export const behindRepository = (name: RepositoryName) => `${REPOSITORIES_PREFIX}${name}/_~`;

/** A repository's key, parsed. Each kind has the fields that its key tells. */
export type RepositoryKey =
  | { readonly kind: 'blob'; readonly name: RepositoryName; readonly digest: Digest }
  | { readonly kind: 'manifest'; readonly name: RepositoryName; readonly digest: Digest }
  | { readonly kind: 'tag'; readonly name: RepositoryName; readonly tag: Tag }
  /** The tag has named the manifest with this digest. */
  | { readonly kind: 'hint'; readonly name: RepositoryName; readonly digest: Digest; readonly tag: Tag }
  /** `parseReferrerKey` reads the rest. */
  | { readonly kind: 'referrer'; readonly name: RepositoryName; readonly subject: Digest };

/** @returns undefined for a key that belongs to no repository, or has no valid digest where it needs one */
export function findRepositoryKey(key: string): RepositoryKey | undefined {
  const match = /^repositories\/(.+?)\/_(blobs|manifests|tags|tagged|referrers)\/(.+)$/.exec(key);
  if (match === null) return undefined;
  const [, repository, folder, rest] = match as unknown as [string, string, string, string];
  const name = repository as RepositoryName;
  if (folder === 'tags') return { kind: 'tag', name, tag: rest as Tag };
  const [algorithm, hex, tag] = rest.split('/');
  const digest = findDigest(`${algorithm}:${hex}`);
  if (digest === undefined) return undefined;
  if (folder === 'blobs') return { kind: 'blob', name, digest };
  if (folder === 'manifests') return { kind: 'manifest', name, digest };
  if (folder === 'referrers') return { kind: 'referrer', name, subject: digest };
  return tag === undefined ? undefined : { kind: 'hint', name, digest, tag: tag as Tag };
}

/** Parses the key of a blob's object, or of a marker behind it. The digest is undefined if the key does not tell one. */
export function parseObjectKey(key: string): { objectKey: string; digest: Digest | undefined; isMarker: boolean } {
  const [objectKey = '', marked] = key.split('!');
  if (marked !== undefined) return { objectKey, digest: findDigest(marked), isMarker: true };
  return { objectKey, digest: isStreamed(key) ? undefined : findDigest(key.split('/').slice(1, 3).join(':')), isMarker: false };
}
