import fc from 'fast-check';
import { test } from 'vitest';
import { call, PREPARATION } from '../fuzz/calls.ts';
import { type Call, RegistryModel } from '../fuzz/registry-model.ts';
import { expectAnswer } from '../fuzz/requests.ts';
import { FUZZ_TIMEOUT_MS, runs } from '../fuzz/runs.ts';
import { ApiClient } from '../support/api-client.ts';
import { describeOnEachStore } from '../support/each-store.ts';

/**
 * Not what the server in front of the app answers by itself (methods that it does not know, long headers, encodings it does not have),
 * nor what it passes on without: an empty header.
 */
function reachesTheApp({ method, url, headers }: Call): boolean {
  const hasEmptyHeader = Object.values(headers).includes('');
  return method !== 'x' && url.href.length < 8000 && !/q\s*=/.test(headers['Accept-Encoding'] ?? '') && !hasEmptyHeader;
}

describeOnEachStore('any requests over HTTP', (registry, store) => {
  const model = new RegistryModel({ redirectsBlobs: store === 's3' });
  const client = new ApiClient((path, init) => fetch(registry().url + path, init));

  test('are answered as by three maps, in the words of the specification', { timeout: FUZZ_TIMEOUT_MS }, async () => {
    for (const each of PREPARATION) await expectAnswer({ client, model }, each);
    await fc.assert(
      fc.asyncProperty(fc.array(call.filter(reachesTheApp), { minLength: 1, maxLength: 8 }), async (calls) => {
        for (const each of calls) await expectAnswer({ client, model }, each);
      }),
      // One registry for all runs: what has gone before can't be taken back to find a smaller case.
      { ...runs(100), endOnFailure: true },
    );
  });
});
