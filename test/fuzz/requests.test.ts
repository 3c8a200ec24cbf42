import fc from 'fast-check';
import { expect, test } from 'vitest';
import { memoryRegistry } from '../support/memory-registry.ts';
import { call, PREPARATION } from './calls.ts';
import { RegistryModel } from './registry-model.ts';
import { expectAnswer } from './requests.ts';
import { FUZZ_TIMEOUT_MS, isFullRun, runs } from './runs.ts';

test('any requests are answered as by three maps, in the words of the specification', { timeout: FUZZ_TIMEOUT_MS }, async () => {
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 8 }), async (calls) => {
      const subject = { client: memoryRegistry().client, model: new RegistryModel() };
      for (const each of PREPARATION) await expectAnswer(subject, each);
      for (const each of calls) seen.add(await expectAnswer(subject, each));
    }),
    runs(400),
  );
  if (isFullRun) expect([...seen]).toEqual(expect.arrayContaining(EVERY_KIND));
});

/** A generator that never comes to these would prove nothing of them. */
// prettier-ignore
const EVERY_KIND = [
  '200', '201', '202', '206', '304', '416 UNSUPPORTED', '405 UNSUPPORTED', '404 UNSUPPORTED', '400 UNSUPPORTED',
  '404 BLOB_UNKNOWN', '404 BLOB_UPLOAD_UNKNOWN', '404 MANIFEST_UNKNOWN', '404 MANIFEST_BLOB_UNKNOWN', '404 NAME_UNKNOWN',
  '400 DIGEST_INVALID', '400 MANIFEST_INVALID', '400 NAME_INVALID',
];
