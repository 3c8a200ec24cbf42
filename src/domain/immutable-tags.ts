import { z } from 'zod';
import type { Digest } from './digest.ts';
import { Failure } from './failure.ts';
import { isRepositoryIn, isTagIn, oneOrMore, repositoryGlob, tagGlob } from './glob.ts';
import type { RepositoryName, Tag } from './reference.ts';

/** What REGISTRY_TAGS_IMMUTABLE holds. */
export const immutableTagRules = z.array(
  z.strictObject({
    repositories: oneOrMore(repositoryGlob).default(['**']),
    tags: oneOrMore(tagGlob).default(['*']),
  }),
  'must be a list of rules',
);

export type ImmutableTagRule = z.output<typeof immutableTagRules>[number];

/** What a tag names: a client gets the bytes as what the media type says. */
export interface TagContent {
  readonly digest: Digest;
  readonly mediaType: string;
}

/** Tags that keep naming what they were first given: every tag that any of the rules is about. */
export class ImmutableTags {
  readonly #rules: readonly ImmutableTagRule[];

  constructor(rules: readonly ImmutableTagRule[]) {
    this.#rules = rules;
  }

  has(name: RepositoryName, tag: Tag): boolean {
    return this.#about(name).some(({ tags }) => isTagIn(tags, tag));
  }

  /** Whether there may be any in the repository. */
  mayBeIn(name: RepositoryName): boolean {
    return this.#about(name).length > 0;
  }

  /**
   * @param current - what the tag names now; undefined where it is free
   * @throws {Failure} tag-immutable where that is other content, or the same bytes as another media type
   */
  checkMove(name: RepositoryName, tag: Tag, next: TagContent, current: TagContent | undefined): void {
    if (current === undefined || isSame(current, next) || !this.has(name, tag)) return;
    const named = current.digest === next.digest ? `${current.digest} as ${current.mediaType}` : current.digest;
    throw immutable(`the tag ${tag} is immutable and names ${named}: push other content under another tag`, tag, current.digest);
  }

  /** Whether the tag may name nothing else from now on. */
  keeps(name: RepositoryName, tag: Tag, content: TagContent, current: TagContent | undefined): boolean {
    return current !== undefined && isSame(current, content) && this.has(name, tag);
  }

  /**
   * A manifest keeps its media type in a repository that may have immutable tags: who pulls what such a tag names does so by
   * digest, too, and no single write tells whether there is such a tag.
   *
   * @param current - how the manifest is stored now; undefined where it is not
   * @throws {Failure} tag-immutable
   */
  checkMediaType(name: RepositoryName, { digest, mediaType }: TagContent, current: TagContent | undefined): void {
    if (current === undefined || current.mediaType === mediaType || !this.mayBeIn(name)) return;
    const message = `the repository may have immutable tags and keeps ${digest} as ${current.mediaType}: delete it first`;
    throw new Failure('tag-immutable', message, { detail: { digest } });
  }

  /** @throws {Failure} tag-immutable */
  checkDelete(name: RepositoryName, tag: Tag, current: Digest): void {
    if (!this.has(name, tag)) return;
    throw immutable(`the tag ${tag} is immutable: neither it nor the manifest it names can be deleted`, tag, current);
  }

  #about(name: RepositoryName): readonly ImmutableTagRule[] {
    return this.#rules.filter(({ repositories }) => isRepositoryIn(repositories, name));
  }
}

function isSame(one: TagContent, other: TagContent): boolean {
  return one.digest === other.digest && one.mediaType === other.mediaType;
}

function immutable(message: string, tag: Tag, digest: Digest): Failure {
  return new Failure('tag-immutable', message, { detail: { tag, digest } });
}
