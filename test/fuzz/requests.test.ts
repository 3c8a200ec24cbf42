import fc from 'fast-check';
import { expect, test } from 'vitest';
import { memoryRegistry } from '../support/memory-registry.ts';
import { call, PREPARATION, rightCall } from './calls.ts';
import { type Call, RegistryModel } from './registry-model.ts';
import { expectAnswer } from './requests.ts';
import { FUZZ_TIMEOUT_MS, isFullRun, runs } from './runs.ts';

/** Runs each sequence on a new registry. */
async function expectAnswers(calls: readonly Call[]): Promise<string[]> {
  const subject = { client: memoryRegistry().client, model: new RegistryModel() };
  const answers: string[] = [];
  for (const each of [...PREPARATION, ...calls]) answers.push(await expectAnswer(subject, each));
  return answers;
}

test('answers any requests as the model does, and as the specification says', { timeout: FUZZ_TIMEOUT_MS }, async () => {
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 8 }), async (calls) => {
      for (const answer of await expectAnswers(calls)) seen.add(answer);
    }),
    runs(400),
  );
  if (isFullRun) expect([...seen]).toEqual(expect.arrayContaining(EVERY_KIND));
});

test('pushes, pulls and deletes that share names find what the others have left', { timeout: FUZZ_TIMEOUT_MS }, async () => {
  const calls = fc.array(rightCall, { minLength: 5, maxLength: 25, size: 'max' });
  await fc.assert(
    fc.asyncProperty(calls, async (calls) => void (await expectAnswers(calls))),
    runs(200),
  );
});

/** The generator must reach all of these, or the test proves nothing about them. */
// prettier-ignore
const EVERY_KIND = [
  '200', '201', '202', '204', '206', '304', '416 UNSUPPORTED', '405 UNSUPPORTED', '404 UNSUPPORTED', '400 UNSUPPORTED',
  '404 BLOB_UNKNOWN', '404 BLOB_UPLOAD_UNKNOWN', '404 MANIFEST_UNKNOWN', '404 MANIFEST_BLOB_UNKNOWN', '404 NAME_UNKNOWN',
  '400 DIGEST_INVALID', '400 MANIFEST_INVALID', '400 NAME_INVALID',
];
