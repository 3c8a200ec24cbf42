import { expect, test } from 'vitest';
import { costSuite } from '../api/suites/costs.ts';
import { ApiClient, bodyOf, freshName } from '../support/api-client.ts';
import { roundsOf } from '../support/counting-proxy.ts';
import { describeOnS3 } from '../support/each-store.ts';
import { randomContent } from '../support/random-content.ts';

/** Long enough that requests made side by side overlap on a busy machine too. */
const DELAY_MS = 40;

describeOnS3('on the wire to', {}, (registry) => {
  const client = new ApiClient((path, init) => fetch(registry().url + path, init));

  costSuite(
    () => client,
    async (work) => {
      const { ofApp } = registry().traffic!;
      ofApp.reset();
      ofApp.delayBy(DELAY_MS);
      try {
        await work();
      } finally {
        ofApp.delayBy(0);
      }
      return { operations: ofApp.requests.length, rounds: roundsOf(ofApp.requests) };
    },
  );
});

const CACHED = { REGISTRY_STORAGE_REDIRECT_DISABLE: 'true' };
const UNCACHED = { ...CACHED, REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR: 'none' };

for (const [cache, env, operations] of [
  ['warm', CACHED, 1],
  ['cold', UNCACHED, 2],
] as const) {
  describeOnS3(`through the app, ${cache}, on the wire to`, env, (registry) => {
    const client = new ApiClient((path, init) => fetch(registry().url + path, init));

    test(`GET of a blob: ${operations}, one after the other`, async () => {
      const { ofApp } = registry().traffic!;
      const [name, content] = [freshName(), randomContent(1000)];
      const digest = await client.push(name, content);
      ofApp.reset();
      expect(await bodyOf(await client.get(`/v2/${name}/blobs/${digest}`))).toEqual(content);
      expect(ofApp.requests).toHaveLength(operations);
      expect(roundsOf(ofApp.requests)).toBe(operations);
    });
  });
}
