import { algorithmOf, type Digest, digestOf, Hasher } from '../../domain/digest.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { fromStore } from '../body/byte-source.ts';

export interface ExpectedObject {
  readonly objectKey: string;
  readonly digest: Digest;
  readonly size: number;
}

export interface ObjectProblem {
  readonly category: 'missing' | 'corrupt';
  readonly problem: string;
}

const corrupt = (problem: string): ObjectProblem => ({ category: 'corrupt', problem });

/**
 * Reads a whole object and compares size and digest. Holds only one chunk in memory.
 * @returns what is wrong; undefined for an intact object
 */
export async function problemOfObject(store: ObjectStore, expected: ExpectedObject): Promise<ObjectProblem | undefined> {
  const stored = await store.get(expected.objectKey);
  if (stored === undefined) return { category: 'missing', problem: 'its bytes are missing' };
  const source = fromStore(stored.body);
  if (stored.size !== expected.size) {
    source.leave(undefined);
    return corrupt(`it has ${stored.size} bytes instead of ${expected.size}`);
  }
  const algorithm = algorithmOf(expected.digest);
  const hasher = new Hasher([algorithm]);
  const reader = stored.body.getReader();
  try {
    for (;;) {
      const { done, value } = await source.patiently(reader.read());
      if (done) break;
      hasher.update(value);
    }
  } catch (error) {
    source.leave(reader);
    throw source.broken(error);
  }
  return hasher.digest(algorithm) === expected.digest ? undefined : corrupt('its bytes have another digest');
}

export function isOf(digest: Digest, bytes: Uint8Array): boolean {
  return digestOf(bytes, algorithmOf(digest)) === digest;
}
