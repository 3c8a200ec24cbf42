import { z } from 'zod';
import type { Digest } from '../../domain/digest.ts';
import { BloomFilter } from './bloom-filter.ts';
import { emptyLookResult, loadLookResult, type LookResult, lookResultHeader, saveLookResult } from './look-result.ts';
import type { Position } from './position.ts';

/** With the results of two looks it keeps the stored state below 32 MB. */
const MAX_FILTER_BYTES = 22 * 1024 * 1024;

export const LOOK_STAGES = ['links', 'objects'] as const;
export type LookStage = (typeof LOOK_STAGES)[number];

/** Stored in system/collection-state: its names can't change. */
export const lookHeader = z.object({
  begunMs: z.number(),
  pass: z.enum(LOOK_STAGES),
  /** Empty for none. */
  cursor: z.string(),
  filterCount: z.number(),
  next: lookResultHeader,
});
type Header = z.output<typeof lookHeader>;

export interface LookStateOptions {
  readonly begunMs: number;
  readonly result?: LookResult;
}

/**
 * What a look has learned so far, for the run that continues it. Its filter may answer a wrong yes by chance, never a wrong
 * no. A wrong yes keeps an object until the next round.
 */
export class LookState {
  /** By the storage's clock. */
  readonly begunMs: number;
  readonly result: LookResult;
  position: Position<LookStage> = { stage: LOOK_STAGES[0], key: undefined };
  readonly #filter: BloomFilter;

  constructor({ begunMs, result = emptyLookResult(begunMs) }: LookStateOptions) {
    this.begunMs = begunMs;
    this.result = result;
    this.#filter = new BloomFilter({ maxBytes: MAX_FILTER_BYTES, salt: begunMs });
  }

  static load({ begunMs, pass, cursor, filterCount, next }: Header, sections: Readonly<Record<string, Uint8Array>>): LookState {
    const state = new LookState({ begunMs, result: loadLookResult(next, sections, undefined, 'next ') });
    state.position = { stage: pass, key: cursor || undefined };
    state.#filter.load({ count: filterCount, bytes: sections['lookFilter']! });
    return state;
  }

  save(): { header: Header; sections: Record<string, Uint8Array> } {
    const next = saveLookResult(this.result, 'next ');
    const { stage, key = '' } = this.position;
    const { count, bytes } = this.#filter.save();
    return {
      header: { begunMs: this.begunMs, pass: stage, cursor: key, filterCount: count, next: next.header },
      sections: { ...next.sections, lookFilter: bytes },
    };
  }

  // The words in the filter's texts are stored as hashes: another word would no longer find what an earlier run has added.

  noteLinked(digest: Digest): void {
    this.#filter.add(`linked ${digest}`);
  }

  /** Whether any repository has a link to the blob. */
  isLinked(digest: Digest): boolean {
    return this.#filter.has(`linked ${digest}`);
  }

  noteWritten(digest: Digest): void {
    this.#filter.add(`touched ${digest}`);
  }

  /** Whether a link to the blob, or its tombstone, was written since the last look ended. */
  isWritten(digest: Digest): boolean {
    return this.#filter.has(`touched ${digest}`);
  }

  noteReferenced(objectKey: string): void {
    this.#filter.add(`held ${objectKey}`);
  }

  /** Whether a link that was read names this object. */
  isReferenced(objectKey: string): boolean {
    return this.#filter.has(`held ${objectKey}`);
  }

  noteUnreadable(digest: Digest): void {
    this.#filter.add(`unreadable ${digest}`);
  }

  /** Whether a link to the blob can't be read: it may name any of the blob's objects. */
  isUnreadable(digest: Digest): boolean {
    return this.#filter.has(`unreadable ${digest}`);
  }

  /** @returns false where another object of the same blob was noted before */
  noteObject(digest: Digest): boolean {
    return this.#filter.add(`object of ${digest}`);
  }
}
