import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FUZZ_TIMEOUT_MS, isFullRun, runs } from './runs.ts';
import { commands } from './upload-steps.ts';
import { UploadWorld } from './upload-world.ts';

/** Bytes in a unit; eight units make a part. Some runs have a part larger than the 64 KiB that are read before a buffer is acquired. */
const unitBytes = fc.oneof({ arbitrary: fc.constant(1), weight: 15 }, { arbitrary: fc.constant(10_000), weight: 1 });

test('any calls in any order end with the blob or a clean refusal', { timeout: FUZZ_TIMEOUT_MS }, async () => {
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(unitBytes, commands, async (unitBytes, commands) => {
      const world = new UploadWorld(unitBytes);
      for (const command of commands) await world.do(command);
      await world.expectClean();
      for (const each of world.seen) seen.add(each);
    }),
    runs(250),
  );
  if (isFullRun) expect([...seen]).toEqual(expect.arrayContaining(EVERY_KIND));
});

/** The generator must reach all of these, or the test proves nothing about them. */
// prettier-ignore
const EVERY_KIND = [
  'status 204', 'status 404 BLOB_UPLOAD_UNKNOWN', 'cancel 204', 'cancel 404 BLOB_UPLOAD_UNKNOWN',
  'append 202', 'append 404 BLOB_UPLOAD_UNKNOWN', 'append 400 SIZE_INVALID', 'append 416 BLOB_UPLOAD_INVALID', 'append 499',
  'finish 201', 'finish 404 BLOB_UPLOAD_UNKNOWN', 'finish 400 SIZE_INVALID', 'finish 416 BLOB_UPLOAD_INVALID', 'finish 499',
  'finish 400 DIGEST_INVALID',
];
