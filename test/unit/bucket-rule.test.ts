import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';
import { setUploadRule } from '../../src/storage/bucket-rule.ts';
import { isStoreError } from '../../src/storage/object-store.ts';

const NONE = '<Error><Code>NoSuchLifecycleConfiguration</Code><Message>none</Message></Error>';
const DENIED = '<Error><Code>AccessDenied</Code><Message>no</Message></Error>';
const OTHER =
  '<LifecycleConfiguration><Rule><ID>logs</ID><Status>Enabled</Status><Filter><Prefix>logs/</Prefix></Filter>' +
  '<Expiration><Days>30</Days></Expiration></Rule></LifecycleConfiguration>';

let server: Server;
afterEach(() => void server.close());

/** A server of a bucket's rules only, stored as the received XML. MinIO (test/e2e/commands.test.ts) refuses rules of this kind. */
async function bucketWith(rules: string | undefined, keeps: (xml: string) => string | undefined = (xml) => xml) {
  let kept = rules;
  let isAllowed = true;
  server = createServer((request, response) => {
    void text(request).then((body) => {
      if (!isAllowed) return response.writeHead(403).end(DENIED);
      if (request.method === 'PUT') kept = keeps(body);
      if (request.method === 'PUT') return response.end();
      return kept === undefined ? response.writeHead(404).end(NONE) : response.end(kept);
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const config = {
    bucket: 'images',
    region: 'us-east-1',
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    redirectEndpoint: undefined,
    accessKeyId: 'key',
    secretAccessKey: 'secret',
    forcePathStyle: true,
    timeoutMs: 3000,
  };
  return {
    set: (days: number) => setUploadRule(config, { prefix: 'root/', days }),
    rules: () => kept,
    deny: () => void (isAllowed = false),
  };
}

const ruleOf = (days: number) =>
  new RegExp(
    '<Rule>(?:(?!</Rule>).)*<ID>berth-abandoned-uploads</ID>(?:(?!</Rule>).)*<Prefix>root/</Prefix>(?:(?!</Rule>).)*' +
      `<AbortIncompleteMultipartUpload><DaysAfterInitiation>${days}</DaysAfterInitiation>`,
  );

test('a bucket without rules gets the rule', async () => {
  const bucket = await bucketWith(undefined);
  expect(await bucket.set(7)).toBe(true);
  expect(bucket.rules()).toMatch(ruleOf(7));
});

test('other rules stay, and an earlier version of the rule is replaced', async () => {
  const bucket = await bucketWith(OTHER);
  expect(await bucket.set(7)).toBe(true);
  expect(await bucket.set(3)).toBe(true);
  expect(bucket.rules()).toMatch(ruleOf(3));
  expect(bucket.rules()).toContain('<ID>logs</ID>');
  expect(bucket.rules()!.match(/<Rule>/g)).toHaveLength(2);
});

test('a storage that accepts the rule but does not store it is reported', async () => {
  const bucket = await bucketWith(OTHER, () => OTHER);
  expect(await bucket.set(7)).toBe(false);
});

test('keys without the permission are an error', async () => {
  const bucket = await bucketWith(undefined);
  bucket.deny();
  await expect(bucket.set(7)).rejects.toSatisfy((error) => isStoreError(error, 'misconfigured'));
});
