import { env } from 'cloudflare:test';
import { afterAll, describe } from 'vitest';
import { R2Store } from '../../src/storage/r2.ts';
import { costSuite } from '../api/suites/costs.ts';
import { memoryRegistry } from '../support/memory-registry.ts';

const { BUCKET } = env as unknown as { BUCKET: R2Bucket };

describe("binding calls on R2, which are the bill's", () => {
  let calls = 0;
  const { client } = memoryRegistry(
    {},
    {
      store: new R2Store({ bucket: counted(BUCKET, () => (calls += 1)), wait: async () => undefined, random: Math.random }),
      storeName: 'r2',
    },
  );

  afterAll(async () => {
    for (;;) {
      const { objects } = await BUCKET.list();
      if (objects.length === 0) return;
      await BUCKET.delete(objects.map(({ key }) => key));
    }
  });

  costSuite(
    () => client,
    async (work) => {
      calls = 0;
      await work();
      return { operations: calls };
    },
  );
});

/** Calls `onCall` for each method of the binding that is called, and of the multipart uploads it gives; taking one up again costs nothing. */
function counted<T extends object>(target: T, onCall: () => void): T {
  return new Proxy(target, {
    get: (_, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        if (name !== 'resumeMultipartUpload') onCall();
        const result: unknown = Reflect.apply(value, target, args);
        if (name === 'resumeMultipartUpload') return counted(result as object, onCall);
        if (name === 'createMultipartUpload') return (result as Promise<object>).then((upload) => counted(upload, onCall));
        return result;
      };
    },
  });
}
