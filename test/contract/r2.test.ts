import { env } from 'cloudflare:test';
import { R2Store } from '../../src/storage/r2.ts';
import { rootedStore } from '../../src/storage/rooted.ts';
import { strictR2 } from '../support/strict-r2.ts';
import { objectStoreContract } from './store-contract.ts';

const bucket = (env as unknown as { BUCKET: R2Bucket }).BUCKET;
const remaining = async () => (await bucket.list()).objects.map(({ key }) => key);

objectStoreContract("R2's binding, by R2's own rules", async () => ({ store: new R2Store(strictR2(bucket)), remaining }));

objectStoreContract('a folder of an R2 bucket', async () => ({
  store: rootedStore(new R2Store(bucket), 'some/root'),
  remaining,
}));
