import type { Digest } from '../../../src/domain/digest.ts';
import type { TagsADelete } from '../../../src/registry/tags.ts';
import type { Isolate } from '../world.ts';

/** What an actor wants to do. judge.ts checks the end of a run against it. */
export type Intent =
  | {
      readonly kind: 'push';
      readonly repository: string;
      readonly tag: string;
      readonly digest: Digest;
      readonly mediaType: string;
      readonly subject?: Digest | undefined;
      readonly foreignLayer?: Digest | undefined;
    }
  | { readonly kind: 'delete tag'; readonly repository: string; readonly tag: string }
  | { readonly kind: 'collect'; readonly repository: string }
  | { readonly kind: 'read'; readonly repository: string }
  | { readonly kind: 'delete manifest'; readonly repository: string; readonly digest: Digest };

export interface Actor {
  readonly intent: Intent;
  readonly run: (services: Isolate) => Promise<unknown>;
}

export interface Scenario {
  readonly name: string;
  readonly before: readonly Actor[];
  readonly actors: readonly Actor[];
  /** The settings of every isolate. */
  readonly settings?: Readonly<Record<string, string>>;
  /** The tag that the settings make immutable. */
  readonly immutable?: string;
  /** A blob whose bytes a fault has deleted. Every push of the scenario uploads them without a HEAD. */
  readonly lost?: Digest;
  /** Keys in one page of a listing: few, so that other actors act between two pages. */
  readonly pageKeys?: number;
  /** Small limits, so that a delete takes several requests. */
  readonly tagsADelete?: TagsADelete;
}

export const scenario = (name: string, before: readonly Actor[], actors: readonly Actor[]): Scenario => ({
  name,
  before,
  actors,
});
