import { expect } from 'vitest';
import { digestOf, hexOf } from '../../src/domain/digest.ts';
import type { ObjectStore, StoreErrorKind, Written } from '../../src/storage/object-store.ts';

/** How a store may differ from the others. */
export interface Differences {
  /** Parts before the last may differ in size. S3 only wants 5 MiB or more. */
  readonly takesAnySizes?: boolean;
  /** A multipart upload can be completed again, and nothing changes. */
  readonly completesAgain?: boolean;
  /** It refuses a large body unread, and may close the connection before the refusal is read. */
  readonly losesRefusals?: boolean;
}

/** What the tests of a contract work with. */
export interface Contract extends Differences {
  readonly store: () => ObjectStore;
  /** A test with a prefix of its own, which it clears at the end. */
  readonly scratch: (title: string, run: (prefix: string) => Promise<void>) => void;
  /** The result of a put. A lost refusal counts as a refusal. */
  readonly answerOf: (put: Promise<Written | undefined>) => Promise<Written | undefined>;
  readonly textAt: (key: string) => Promise<string | undefined>;
}

export async function expectStoreError(work: Promise<unknown>, kind: StoreErrorKind): Promise<void> {
  await expect(work).rejects.toMatchObject({ name: 'StoreError', kind });
}

export const bytes = (content: string) => new TextEncoder().encode(content);
export const text = (content: Uint8Array) => new TextDecoder().decode(content);
export const sha256 = (content: Uint8Array) => hexOf(digestOf(content));
