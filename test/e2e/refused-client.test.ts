import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { ApiClient, errorOf, freshName, streamOf } from '../support/api-client.ts';
import { describeOnEachStore } from '../support/each-store.ts';

const MIB = 1024 * 1024;

describeOnEachStore('a client that is refused while it sends', (registry) => {
  const client = new ApiClient((path, init) => fetch(registry().url + path, init));
  const content = randomBytes(16 * MIB);

  test.each([
    ['a layer to a session that is over', (name: string) => client.patch(`/v2/${name}/blobs/uploads/x?_state=x`, content), 404],
    [
      'a manifest that is too large',
      (name: string) => client.request('PUT', `/v2/${name}/manifests/a`, { body: streamOf(content) }),
      413,
    ],
  ])('hears why: %s', async (_, send, status) => {
    for (let time = 0; time < 10; time += 1) expect(await errorOf(await send(freshName()))).toMatchObject({ status });
  });
});
