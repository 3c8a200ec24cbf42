import { type Digest, findDigest, parseDigest } from './digest.ts';
import { Failure } from './failure.ts';

export type RepositoryName = string & { readonly __brand: 'RepositoryName' };
export type Tag = string & { readonly __brand: 'Tag' };

/** What stands behind `/manifests/` in a URL. */
export type Reference = { readonly kind: 'tag'; readonly tag: Tag } | { readonly kind: 'digest'; readonly digest: Digest };

// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const NAME = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

/** Docker's own limit; it also keeps every storage key below S3's 1,024 bytes. */
export const MAX_NAME_LENGTH = 255;
const MAX_TAG_LENGTH = 128;
const DIGITS = '0123456789';
const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
/** MinIO takes 255 bytes between two slashes of a key, and one key has a sign more there than the name. */
export const MAX_COMPONENT_LENGTH = 254;

export function findRepositoryName(text: string): RepositoryName | undefined {
  const fits = text.length <= MAX_NAME_LENGTH && text.split('/').every((component) => component.length <= MAX_COMPONENT_LENGTH);
  return fits && NAME.test(text) ? (text as RepositoryName) : undefined;
}

/** @throws {Failure} name-invalid */
export function parseRepositoryName(text: string): RepositoryName {
  const name = findRepositoryName(text);
  if (name === undefined)
    throw new Failure(
      'name-invalid',
      `a repository name is lower-case letters, digits and separators, ${MAX_NAME_LENGTH} characters at most`,
      {
        detail: text,
      },
    );
  return name;
}

/**
 * Where any text stands in a list of repositories: one behind which the same names come. It is as short as a name, and has no
 * empty component and none of dots, which MinIO takes in no key.
 */
export function namePosition(text: string): string {
  return positionOf(text, (begun) => {
    if (begun.length === MAX_NAME_LENGTH) return '';
    const component = begun.length - (begun.lastIndexOf('/') + 1);
    if (component === MAX_COMPONENT_LENGTH) return '/';
    return component === 0 ? `${DIGITS}${LETTERS}` : `-./${DIGITS}_${LETTERS}`;
  });
}

/** The same in a list of tags. */
export function tagPosition(text: string): string {
  const first = `${DIGITS}${LETTERS.toUpperCase()}_${LETTERS}`;
  return positionOf(text, (begun) => (begun.length === MAX_TAG_LENGTH ? '' : begun === '' ? first : `-.${first}`));
}

/**
 * As far as names go along with the text, and from there behind the last that is before it. No name has a `~`.
 *
 * @param nextOf - characters that names may go on with, in their order
 */
function positionOf(text: string, nextOf: (begun: string) => string): string {
  let begun = '';
  for (const character of text) {
    const next = nextOf(begun);
    if (!next.includes(character)) {
      const below = Array.from(next).findLast((each) => each < character);
      return begun + (below === undefined ? '' : `${below}~`);
    }
    begun += character;
  }
  return begun;
}

export function findTag(text: string): Tag | undefined {
  return TAG.test(text) ? (text as Tag) : undefined;
}

/**
 * Parses the reference of a manifest to be read. What could not be a tag can't be there either, so it is unknown
 * rather than wrong.
 * @throws {Failure} digest-invalid, manifest-unknown
 */
export function parseReference(text: string): Reference {
  const reference = findReference(text);
  if (reference === undefined) throw new Failure('manifest-unknown', 'no manifest has such a tag', { detail: text });
  return reference;
}

/**
 * Parses the reference of a manifest to be written.
 * @throws {Failure} digest-invalid, manifest-invalid
 */
export function parseNewReference(text: string): Reference {
  return findReference(text) ?? { kind: 'tag', tag: parseTag(text) };
}

/**
 * Parses a tag that is to be written.
 * @throws {Failure} manifest-invalid
 */
export function parseTag(text: string): Tag {
  const tag = findTag(text);
  if (tag !== undefined) return tag;
  const message = 'a tag is letters, digits, _ . and -, 128 characters at most, not starting with . or -';
  throw new Failure('manifest-invalid', message, { detail: text });
}

function findReference(text: string): Reference | undefined {
  const digest = findDigest(text);
  if (digest !== undefined) return { kind: 'digest', digest };
  if (text.includes(':')) parseDigest(text); // Throws: no tag has a colon, so a digest was meant.
  const tag = findTag(text);
  return tag === undefined ? undefined : { kind: 'tag', tag };
}
