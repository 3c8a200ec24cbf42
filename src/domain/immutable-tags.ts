import { z } from 'zod';
import type { Digest } from './digest.ts';
import { Failure } from './failure.ts';
import { isRepositoryIn, isTagIn, oneOrMore, repositoryGlob, tagGlob } from './glob.ts';
import type { RepositoryName, Tag } from './reference.ts';

/** The setting REGISTRY_TAGS_IMMUTABLE. */
export const immutableTagRules = z.array(
  z.strictObject({
    repositories: oneOrMore(repositoryGlob).default(['**']),
    tags: oneOrMore(tagGlob).default(['*']),
  }),
  'must be a list of rules',
);

export type ImmutableTagRule = z.output<typeof immutableTagRules>[number];

/** The content of a tag. The media type belongs to it: clients read the bytes by it. */
export interface TagContent {
  readonly digest: Digest;
  readonly mediaType: string;
}

/** Tags that keep their first content: all tags that match a rule. */
export class ImmutableTags {
  readonly #rules: readonly ImmutableTagRule[];

  constructor(rules: readonly ImmutableTagRule[]) {
    this.#rules = rules;
  }

  has(name: RepositoryName, tag: Tag): boolean {
    return this.#rulesFor(name).some(({ tags }) => isTagIn(tags, tag));
  }

  /** Whether the repository may have immutable tags. */
  mayBeIn(name: RepositoryName): boolean {
    return this.#rulesFor(name).length > 0;
  }

  /**
   * Every move of a tag must be checked.
   *
   * @param current - the content of the tag now; undefined where the tag is absent
   * @throws {Failure} tag-immutable where that is other content, or the same bytes with another media type
   */
  checkMove(name: RepositoryName, tag: Tag, next: TagContent, current: TagContent | undefined): void {
    if (current === undefined || isSame(current, next) || !this.has(name, tag)) return;
    const named = current.digest === next.digest ? `${current.digest} as ${current.mediaType}` : current.digest;
    throw immutable(`the tag ${tag} is immutable and names ${named}: push other content under another tag`, tag, current.digest);
  }

  /** Whether the tag is immutable and has this content. */
  keeps(name: RepositoryName, tag: Tag, content: TagContent, current: TagContent | undefined): boolean {
    return current !== undefined && isSame(current, content) && this.has(name, tag);
  }

  /**
   * A manifest keeps its media type in a repository that may have immutable tags, since clients pull the content of such a tag by
   * digest too. One write can't tell whether an immutable tag names the manifest, so this holds for all manifests.
   *
   * @param current - the stored manifest; undefined where it is absent
   * @throws {Failure} tag-immutable
   */
  checkMediaType(name: RepositoryName, { digest, mediaType }: TagContent, current: TagContent | undefined): void {
    if (current === undefined || current.mediaType === mediaType || !this.mayBeIn(name)) return;
    const message = `${digest} is stored as ${current.mediaType} where tags may be immutable: delete the manifest first`;
    throw new Failure('tag-immutable', message, { detail: { digest } });
  }

  /** @throws {Failure} tag-immutable */
  checkDelete(name: RepositoryName, tag: Tag, current: Digest): void {
    if (!this.has(name, tag)) return;
    throw immutable(`the tag ${tag} is immutable: neither it nor the manifest it names can be deleted`, tag, current);
  }

  #rulesFor(name: RepositoryName): readonly ImmutableTagRule[] {
    return this.#rules.filter(({ repositories }) => isRepositoryIn(repositories, name));
  }
}

function isSame(one: TagContent, other: TagContent): boolean {
  return one.digest === other.digest && one.mediaType === other.mediaType;
}

function immutable(message: string, tag: Tag, digest: Digest): Failure {
  return new Failure('tag-immutable', message, { detail: { tag, digest } });
}
