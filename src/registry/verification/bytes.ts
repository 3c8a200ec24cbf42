import { algorithmOf, type Digest, digestOf, Hasher } from '../../domain/digest.ts';
import type { SmallObjects } from '../../storage/object-store.ts';
import { StoreSource } from '../body/byte-source.ts';

export interface ExpectedObject {
  readonly objectKey: string;
  readonly digest: Digest;
  readonly size: number;
}

export interface ObjectProblem {
  readonly category: 'missing' | 'corrupt';
  readonly problem: string;
}

const READ_BYTES = 64 * 1024;

const corrupt = (problem: string): ObjectProblem => ({ category: 'corrupt', problem });

/**
 * Reads a whole object and compares size and digest. Holds only one chunk in memory.
 * @returns what is wrong; undefined for an intact object
 */
export async function problemOfObject(store: SmallObjects, expected: ExpectedObject): Promise<ObjectProblem | undefined> {
  const stored = await store.get(expected.objectKey);
  if (stored === undefined) return { category: 'missing', problem: 'its bytes are missing' };
  const source = new StoreSource(stored.body);
  if (stored.size !== expected.size) {
    source.leave();
    return corrupt(`it has ${stored.size} bytes instead of ${expected.size}`);
  }
  const algorithm = algorithmOf(expected.digest);
  const hasher = new Hasher([algorithm]);
  const into = { buffer: new ArrayBuffer(READ_BYTES) };
  for (let isDone = false; !isDone;) {
    const { bytes, done } = await source.read(into, 0, READ_BYTES);
    hasher.update(new Uint8Array(into.buffer, 0, bytes));
    isDone = done;
  }
  return hasher.digest(algorithm) === expected.digest ? undefined : corrupt('its bytes have another digest');
}

export function isOf(digest: Digest, bytes: Uint8Array): boolean {
  return digestOf(bytes, algorithmOf(digest)) === digest;
}
