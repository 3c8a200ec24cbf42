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
   * @throws {Failure} tag-immutable where that is other content
   */
  checkMove(name: RepositoryName, tag: Tag, digest: Digest, current: Digest | undefined): void {
    if (current === undefined || current === digest || !this.has(name, tag)) return;
    throw immutable(`the tag ${tag} is immutable and names ${current}: push other content under another tag`, tag, current);
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

function immutable(message: string, tag: Tag, digest: Digest): Failure {
  return new Failure('tag-immutable', message, { detail: { tag, digest } });
}
