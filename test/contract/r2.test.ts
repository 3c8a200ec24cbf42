import { env } from 'cloudflare:test';
import { describe, expect, test } from 'vitest';
import { R2Store } from '../../src/storage/r2.ts';
import { prefixedStore } from '../../src/storage/prefixed.ts';
import { busyR2, strictR2 } from '../support/strict-r2.ts';
import { expectStoreError, objectStoreContract } from './store-contract.ts';

const bucket = (env as unknown as { BUCKET: R2Bucket }).BUCKET;
const remaining = async () => (await bucket.list()).objects.map(({ key }) => key);

objectStoreContract("R2's binding, by R2's own rules", async () => ({ store: new R2Store(strictR2(bucket)), remaining }));

objectStoreContract('a folder of an R2 bucket', async () => ({
  store: prefixedStore(new R2Store(bucket), 'some/root'),
  remaining,
}));

describe('R2 that takes no more writes of a key just now', () => {
  const bytes = new Uint8Array(1);

  test('says so at once of a conditional write: others have written it', async () => {
    const busy = busyR2(bucket, 1);
    await expectStoreError(new R2Store(busy.bucket).put('busy', bytes, { kind: 'absent' }), 'busy');
    expect(busy.puts()).toBe(1);
  });

  test('is asked again for any other write, three times in all', async () => {
    const store = (refusals: number) => new R2Store(busyR2(bucket, refusals).bucket);
    expect(await store(2).put('busy', bytes)).toBeDefined();
    await expectStoreError(store(3).put('busy', bytes), 'busy');
    await store(0).delete(['busy']);
  });
});
