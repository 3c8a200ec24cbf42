import type { Digest } from '../../../src/domain/digest.ts';
import type { TagsADelete } from '../../../src/registry/tags.ts';
import type { Isolate } from '../world.ts';

/** What an actor is after; by this the end of a run is judged. */
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
  /** Of every isolate. */
  readonly settings?: Readonly<Record<string, string>>;
  /** The one tag that the settings make so. */
  readonly immutable?: string;
  /** A blob whose bytes a fault took before: every push here brings them, without asking whether they are there. */
  readonly lost?: Digest;
  /** What a page of a listing holds, where it is so little that others come in between. */
  readonly pageKeys?: number;
  /** Few, so that a delete takes several requests. */
  readonly tagsADelete?: TagsADelete;
}

export const scenario = (name: string, before: readonly Actor[], actors: readonly Actor[]): Scenario => ({
  name,
  before,
  actors,
});
