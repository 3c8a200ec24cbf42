import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isStoreError, listAll, type ObjectStore, readAll } from '../../src/storage/object-store.ts';
import type { Pace } from '../../src/storage/pace.ts';
import { probe } from '../../src/storage/probe.ts';
import { prefixedStore } from '../../src/storage/prefixed.ts';
import { blobObjectsContract } from './blob-objects-contract.ts';
import { type Contract, type Differences, text } from './contract.ts';
import { smallObjectsContract } from './small-objects-contract.ts';

const randomId = () => crypto.randomUUID();

const PACE: Pace = {
  clock: () => new Date(),
  wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  random: Math.random,
};

export interface OpenStore {
  readonly store: ObjectStore;
  /** Every key below the contract's own prefix, read by other means than the store's if there are any. */
  readonly remaining: () => Promise<readonly string[]>;
}

/** What every ObjectStore must do. At the end no object is left. */
export function objectStoreContract(name: string, open: () => Promise<OpenStore>, differences: Differences = {}): void {
  describe(name, () => {
    let opened: OpenStore;
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(async () => {
      expect(await opened.remaining()).toEqual([]);
    });

    const store = () => opened.store;
    const contract: Contract = {
      ...differences,
      store,
      scratch: (title, run) =>
        test(title, async () => {
          const prefix = `contract/${crypto.randomUUID()}/`;
          try {
            await run(prefix);
          } finally {
            const keys: string[] = [];
            for await (const { key } of listAll(store(), prefix)) keys.push(key);
            await store().delete(keys);
          }
        }),
      answerOf: (put) =>
        put.catch((error: unknown) => {
          if (differences.losesRefusals === true && isStoreError(error, 'unavailable')) return undefined;
          throw error;
        }),
      textAt: async (key) => {
        const object = await store().get(key);
        return object && text(await readAll(object.body));
      },
    };
    smallObjectsContract(contract);
    blobObjectsContract(contract);

    contract.scratch('passes the probe: concurrent pushes are safe, and bodies are verified', async (prefix) => {
      const prefixed = prefixedStore(store(), prefix.slice(0, -1));
      expect(await probe({ store: prefixed, pace: PACE, randomId })).toEqual({ probe: 2, verifiesSha256: true });
      expect(await store().list({ prefix })).toEqual({ objects: [], truncated: false });
    });
  });
}
