import { type Digest, findDigest, parseDigest } from './digest.ts';
import { quoted } from './excerpt.ts';
import { Failure } from './failure.ts';

export type RepositoryName = string & { readonly __brand: 'RepositoryName' };
export type Tag = string & { readonly __brand: 'Tag' };

/** The last segment of a `/manifests/` URL. */
export type Reference = { readonly kind: 'tag'; readonly tag: Tag } | { readonly kind: 'digest'; readonly digest: Digest };

// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const NAME = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

/** The limit of Docker. It also keeps every storage key below the 1,024 bytes of S3. */
export const MAX_NAME_LENGTH = 255;
const MAX_TAG_LENGTH = 128;
const DIGITS = '0123456789';
const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
/** MinIO accepts 255 bytes between two slashes of a key, and one key adds a character to the name. */
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
      `${quoted(text)} is not a repository name: use lower-case letters and digits, with . _ __ - or / between them, ` +
        `at most ${MAX_NAME_LENGTH} characters, and at most ${MAX_COMPONENT_LENGTH} between two slashes`,
      { detail: text },
    );
  return name;
}

/**
 * The position of any text in a list of repositories: a text that the same names follow. It is not longer than a name, and has no
 * component that is empty or only dots: MinIO accepts no key with one.
 */
export function namePosition(text: string): string {
  return positionOf(text, (start) => {
    if (start.length === MAX_NAME_LENGTH) return '';
    const component = start.length - (start.lastIndexOf('/') + 1);
    if (component === MAX_COMPONENT_LENGTH) return '/';
    return component === 0 ? `${DIGITS}${LETTERS}` : `-./${DIGITS}_${LETTERS}`;
  });
}

/** The position of any text in a list of tags: a text that the same tags follow. */
export function tagPosition(text: string): string {
  const first = `${DIGITS}${LETTERS.toUpperCase()}_${LETTERS}`;
  return positionOf(text, (start) => (start.length === MAX_TAG_LENGTH ? '' : start === '' ? first : `-.${first}`));
}

/**
 * Takes the text as far as a name could start with it. From there on it takes the position after all names that come before the
 * text: a `~` comes after every character of a name.
 *
 * @param nextOf - the characters that may follow the start of a name, in their order
 */
function positionOf(text: string, nextOf: (start: string) => string): string {
  let start = '';
  for (const character of text) {
    const next = nextOf(start);
    if (!next.includes(character)) {
      const below = Array.from(next).findLast((each) => each < character);
      return start + (below === undefined ? '' : `${below}~`);
    }
    start += character;
  }
  return start;
}

export function findTag(text: string): Tag | undefined {
  return TAG.test(text) ? (text as Tag) : undefined;
}

/**
 * Parses the reference of a manifest to read. A text that is not a tag is unknown, not invalid: no manifest has it.
 * @throws {Failure} digest-invalid, manifest-unknown
 */
export function parseReference(text: string): Reference {
  const reference = findReference(text);
  if (reference === undefined)
    throw new Failure('manifest-unknown', `no manifest has the tag ${quoted(text)}, which is not a valid tag`, { detail: text });
  return reference;
}

/**
 * Parses the reference of a manifest to write.
 * @throws {Failure} digest-invalid, manifest-invalid
 */
export function parseNewReference(text: string): Reference {
  const reference = findReference(text);
  if (reference === undefined) throw invalidTag(text);
  return reference;
}

/**
 * Parses a tag to write.
 * @throws {Failure} manifest-invalid
 */
export function parseTag(text: string): Tag {
  const tag = findTag(text);
  if (tag === undefined) throw invalidTag(text);
  return tag;
}

function invalidTag(text: string): Failure {
  const rule = `use letters, digits, _ . and -, at most ${MAX_TAG_LENGTH} characters, and no . or - at the start`;
  return new Failure('manifest-invalid', `${quoted(text)} is not a tag: ${rule}`, { detail: text });
}

function findReference(text: string): Reference | undefined {
  const digest = findDigest(text);
  if (digest !== undefined) return { kind: 'digest', digest };
  if (text.includes(':')) parseDigest(text); // Throws. No tag has a colon, so this is a malformed digest.
  const tag = findTag(text);
  return tag === undefined ? undefined : { kind: 'tag', tag };
}
