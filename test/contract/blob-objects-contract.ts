import { describe, expect } from 'vitest';
import { type PutCondition, readAll } from '../../src/storage/object-store.ts';
import { randomContent } from '../support/random-content.ts';
import { bytes, type Contract, expectStoreError, sha256 } from './contract.ts';

const PART_BYTES = 5 * 1024 * 1024;

/** What a store's blob objects must do. */
export function blobObjectsContract(contract: Contract): void {
  const { store, scratch, answerOf, textAt, takesAnySizes = false, completesAgain = false } = contract;

  describe('a verified body', () => {
    scratch('is stored when it has the declared hash', async (prefix) => {
      const content = randomContent(300_000);
      await store().putVerified(`${prefix}a`, streamOf(content), { length: content.length, sha256: sha256(content) });
      expect(sha256(await readAll((await store().get(`${prefix}a`))!.body))).toBe(sha256(content));
    });

    scratch('is refused, and nothing is written, when it has another hash', async (prefix) => {
      const content = randomContent(300_000);
      const put = store().putVerified(`${prefix}a`, streamOf(content), {
        length: content.length,
        sha256: sha256(bytes('other')),
      });
      await expectStoreError(put, 'checksum');
      expect(await store().head(`${prefix}a`)).toBeUndefined();
    });

    scratch('creates only an absent object, and replaces only the object that was read', async (prefix) => {
      const put = (content: Uint8Array, condition: PutCondition) =>
        answerOf(
          store().putVerified(`${prefix}a`, streamOf(content), { length: content.length, sha256: sha256(content) }, condition),
        );
      const [one, other] = [randomContent(300_000), randomContent(300_000)];
      const { etag } = (await put(one, { kind: 'absent' }))!;
      expect(await put(other, { kind: 'absent' })).toBeUndefined();
      const replaced = (await put(other, { kind: 'match', etag }))!;
      expect(replaced.etag).not.toBe(etag);
      expect(await put(one, { kind: 'match', etag })).toBeUndefined();
      expect(await store().head(`${prefix}a`)).toMatchObject({ size: other.length, etag: replaced.etag });
    });

    scratch('is refused when it ends early', async (prefix) => {
      const content = randomContent(1000);
      const put = store().putVerified(`${prefix}a`, streamOf(content), { length: 2000, sha256: sha256(content) });
      await expect(put).rejects.toThrow();
      expect(await store().head(`${prefix}a`)).toBeUndefined();
    });
  });

  describe('multipart uploads', () => {
    scratch('join their parts in order, whatever the order of arrival, the last part short', async (prefix) => {
      const parts = [randomContent(PART_BYTES), randomContent(PART_BYTES), randomContent(1000)];
      const upload = await store().createMultipart(`${prefix}a`);
      const second = await upload.uploadPart(2, parts[1]!);
      // A later request takes the upload up by its id.
      const resumed = store().resumeMultipart(`${prefix}a`, upload.multipartId);
      const [first, third] = await Promise.all([resumed.uploadPart(1, parts[0]!), resumed.uploadPart(3, parts[2]!)]);
      expect(await store().head(`${prefix}a`)).toBeUndefined();
      await resumed.complete([first, second, third]);
      expect(await store().head(`${prefix}a`)).toMatchObject({ size: 2 * PART_BYTES + 1000 });
      const stored = await readAll((await store().get(`${prefix}a`))!.body);
      expect(sha256(stored)).toBe(sha256(new Uint8Array(await new Blob(parts).arrayBuffer())));
    });

    scratch('use the later of two parts with one number', async (prefix) => {
      const upload = await store().createMultipart(`${prefix}a`);
      const stale = await upload.uploadPart(1, bytes('stale'));
      const fresh = await upload.uploadPart(1, bytes('fresh'));
      await expectStoreError(upload.complete([stale]), 'multipart-unknown');
      await upload.complete([fresh]);
      expect(await textAt(`${prefix}a`)).toBe('fresh');
    });

    scratch('leave nothing when aborted, and can be aborted again', async (prefix) => {
      const upload = await store().createMultipart(`${prefix}a`);
      const part = await upload.uploadPart(1, bytes('gone'));
      await upload.abort();
      await upload.abort();
      await expectStoreError(upload.complete([part]), 'multipart-unknown');
      await expectStoreError(upload.uploadPart(1, bytes('late')), 'multipart-unknown');
      expect(await store().head(`${prefix}a`)).toBeUndefined();
    });

    scratch(completesAgain ? 'stay the same when completed again' : 'can be completed only once', async (prefix) => {
      const upload = await store().createMultipart(`${prefix}a`);
      const part = await upload.uploadPart(1, bytes('once'));
      await upload.complete([part]);
      const { etag } = (await store().head(`${prefix}a`))!;
      if (completesAgain) await upload.complete([part]);
      else await expectStoreError(upload.complete([part]), 'multipart-unknown');
      await upload.abort();
      expect(await textAt(`${prefix}a`)).toBe('once');
      expect(await store().head(`${prefix}a`)).toMatchObject({ etag });
    });

    scratch('have no part 10,001', async (prefix) => {
      const upload = await store().createMultipart(`${prefix}a`);
      await expect(upload.uploadPart(10_001, bytes('x'))).rejects.toThrow();
      await upload.abort();
    });

    const completing = async (key: string, sizes: readonly number[]) => {
      const upload = await store().createMultipart(key);
      const parts = await Promise.all(sizes.map((size, index) => upload.uploadPart(index + 1, randomContent(size))));
      return { upload, completed: upload.complete(parts) };
    };

    scratch('have no part of less than 5 MiB before the last', async (prefix) => {
      const { upload, completed } = await completing(`${prefix}a`, [PART_BYTES, PART_BYTES - 1, 10]);
      await expect(completed).rejects.toThrow();
      await upload.abort();
    });

    const DIFFERENT = [PART_BYTES + 1, PART_BYTES, 10];
    if (takesAnySizes)
      scratch('may have parts of different sizes', async (prefix) => {
        await (
          await completing(`${prefix}a`, DIFFERENT)
        ).completed;
        expect((await store().head(`${prefix}a`))?.size).toBe(2 * PART_BYTES + 11);
      });
    else
      scratch('have no parts of different sizes before the last', async (prefix) => {
        const { upload, completed } = await completing(`${prefix}a`, DIFFERENT);
        await expect(completed).rejects.toThrow();
        await upload.abort();
      });
  });
}

/** A byte stream in pieces, as the body of a request comes. */
function streamOf(content: Uint8Array): ReadableStream<Uint8Array> {
  return new Response(content as Uint8Array<ArrayBuffer>).body!;
}
