import { algorithmOf, type Digest, digestOf, Hasher } from '../../domain/digest.ts';
import type { SmallObjects } from '../../storage/object-store.ts';
import { fromStore } from '../body/byte-source.ts';

export interface ExpectedObject {
  /** Its key. */
  readonly object: string;
  readonly digest: Digest;
  readonly size: number;
}

export interface ObjectProblem {
  readonly category: 'missing' | 'corrupt';
  readonly problem: string;
}

const corrupt = (problem: string): ObjectProblem => ({ category: 'corrupt', problem });

/**
 * Reads an object to its end, and holds no more of it than passes.
 * @returns what is wrong with it
 */
export async function problemOfObject(store: SmallObjects, expected: ExpectedObject): Promise<ObjectProblem | undefined> {
  const stored = await store.get(expected.object);
  if (stored === undefined) return { category: 'missing', problem: 'its bytes are gone' };
  const source = fromStore(stored.body);
  if (stored.size !== expected.size) {
    source.leave(undefined);
    return corrupt(`it has ${stored.size} bytes in place of ${expected.size}`);
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
