import { expect, test } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';
import { type Bindings, createPlatform } from '../../src/wiring/platform.ts';

const BUCKET = {} as R2Bucket;
const S3 = {
  REGISTRY_STORAGE_S3_BUCKET: 'images',
  REGISTRY_STORAGE_S3_ACCESSKEY: 'access',
  REGISTRY_STORAGE_S3_SECRETKEY: 'secret',
};

const platformOf = (settings: Record<string, string>, bindings: Bindings = { BUCKET }) =>
  createPlatform(parseConfig(settings), bindings);

test.each([
  ['the R2 binding', {}, 'r2', false],
  ['a bucket of AWS', S3, 'aws us-east-1', true],
  ['a bucket at an endpoint', { ...S3, REGISTRY_STORAGE_S3_REGIONENDPOINT: 'http://s3.test' }, 'http://s3.test', true],
  ['a bucket without redirects', { ...S3, REGISTRY_STORAGE_REDIRECT_DISABLE: 'true' }, 'aws us-east-1', false],
  ['the R2 binding with S3 keys for redirects', { ...S3, REGISTRY_STORAGE: 'r2' }, 'r2', true],
])('the storage is %s', (_, settings, storeName, redirects) => {
  const platform = platformOf(settings);
  expect([platform.storeName, platform.presign !== undefined]).toEqual([storeName, redirects]);
});

test('without a bucket and without the R2 binding there is no storage', () => {
  expect(() => platformOf({}, {})).toThrow('there is no storage: set REGISTRY_STORAGE_S3_BUCKET');
});

test('a store key opens the store only in the emulator, so that none can be set by mistake at the edge', () => {
  const keyOf = (bindings: Bindings) => platformOf({}, { BUCKET, BERTH_STORE_KEY: 'key', ...bindings }).storeKey;
  expect([keyOf({}), keyOf({ BERTH_EMULATED: 'true' })]).toEqual([undefined, 'key']);
});

test('the rate limit of the platform counts sign-in attempts, where it is bound', async () => {
  const asked: string[] = [];
  const LOGIN_LIMITER: RateLimit = { limit: async ({ key }) => ({ success: asked.push(key) < 2 }) };
  const { limit } = platformOf({}, { BUCKET, LOGIN_LIMITER });
  expect([await limit!('a'), await limit!('b'), asked]).toEqual([true, false, ['a', 'b']]);
  expect(platformOf({}).limit).toBeUndefined();
});
