/**
 * Rules of R2 that Miniflare does not enforce: https://developers.cloudflare.com/r2/platform/limits/ and
 * https://developers.cloudflare.com/r2/objects/multipart-objects/#limitations. And pages of a
 * listing have fewer objects than requested, which R2 may do at any time.
 */
export function strictR2(bucket: R2Bucket): R2Bucket {
  return overlay(bucket, {
    delete: async (keys: string | string[]) => {
      if (Array.isArray(keys) && keys.length > 1000) throw new Error('delete: more than 1000 keys (10029)');
      await bucket.delete(keys);
    },
    list: (options: R2ListOptions = {}) => bucket.list({ ...options, limit: Math.ceil((options.limit ?? 1000) * 0.7) }),
    createMultipartUpload: async (key: string) => strictUpload(await bucket.createMultipartUpload(key)),
    resumeMultipartUpload: (key: string, id: string) => strictUpload(bucket.resumeMultipartUpload(key, id)),
  });
}

/** A bucket that refuses the first writes, as R2 refuses more than one write a second to a key. */
export function busyR2(bucket: R2Bucket, refusals: number): { bucket: R2Bucket; puts: () => number } {
  let puts = 0;
  const put = async (key: string, value: Uint8Array, options?: R2PutOptions) => {
    puts += 1;
    if (puts <= refusals) throw new Error('put: Reduce your concurrent request rate for the same object. (10058)');
    return bucket.put(key, value, options);
  };
  return { bucket: overlay(bucket, { put }), puts: () => puts };
}

/** Sizes by upload and part: a later request may complete an upload that an earlier one began. */
const partSizes = new Map<string, Map<number, number>>();

function strictUpload(upload: R2MultipartUpload): R2MultipartUpload {
  const sizes = partSizes.get(upload.uploadId) ?? new Map<number, number>();
  partSizes.set(upload.uploadId, sizes);
  return overlay(upload, {
    uploadPart: async (number: number, bytes: Uint8Array) => {
      const part = await upload.uploadPart(number, bytes);
      sizes.set(number, bytes.length);
      return part;
    },
    complete: async (parts: R2UploadedPart[]) => {
      const lengths = parts.map(({ partNumber }) => sizes.get(partNumber) ?? 0);
      if (lengths.slice(0, -1).some((length) => length !== lengths[0]))
        throw new Error('completeMultipartUpload: parts differ in size (10048)');
      return upload.complete(parts);
    },
  });
}

/** Replaces some methods. The others are called on the object itself, as native methods must be. */
function overlay<T extends object>(target: T, methods: Partial<Record<keyof T, unknown>>): T {
  return new Proxy(target, {
    get: (_, name) => {
      if (Object.hasOwn(methods, name)) return methods[name as keyof T];
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
