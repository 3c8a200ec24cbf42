import { env } from 'cloudflare:test';
import { describe, expect, test } from 'vitest';
import { R2Store } from '../../src/storage/r2.ts';
import { prefixedStore } from '../../src/storage/prefixed.ts';
import { busyR2, strictR2 } from '../support/strict-r2.ts';
import { expectStoreError, objectStoreContract } from './store-contract.ts';

const bucket = (env as unknown as { BUCKET: R2Bucket }).BUCKET;
const storeOn = (bucket: R2Bucket) => new R2Store({ bucket, wait: async () => undefined, random: Math.random });
const remaining = async () => (await bucket.list()).objects.map(({ key }) => key);

objectStoreContract("the R2 binding, with all of R2's rules", async () => ({ store: storeOn(strictR2(bucket)), remaining }));

objectStoreContract('a folder of an R2 bucket', async () => ({
  store: prefixedStore(storeOn(bucket), 'some/root'),
  remaining,
}));

describe('R2 that is busy with a key', () => {
  const bytes = new Uint8Array(1);

  test('fails a conditional write at once, since others have written the key', async () => {
    const busy = busyR2(bucket, 1);
    await expectStoreError(storeOn(busy.bucket).put('busy', bytes, { kind: 'absent' }), 'busy');
    expect(busy.puts()).toBe(1);
  });

  test('gets any other write again, three times in all', async () => {
    const store = (refusals: number) => storeOn(busyR2(bucket, refusals).bucket);
    expect(await store(2).put('busy', bytes)).toBeDefined();
    await expectStoreError(store(3).put('busy', bytes), 'busy');
    await store(0).delete(['busy']);
  });
});
