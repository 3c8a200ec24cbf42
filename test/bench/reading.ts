import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';

/**
 * Reads the content at a URL, following redirects, and drops it. It uses plain HTTP streams, which read faster than MinIO sends.
 * @returns the number of bytes
 * @throws unless the answer is 200
 */
export async function readThrough(url: string, look: (bytes: Buffer) => void = () => undefined): Promise<number> {
  const [response] = (await once(get(url), 'response')) as [IncomingMessage];
  if (response.statusCode === 307) {
    response.resume();
    return readThrough(response.headers.location!, look);
  }
  if (response.statusCode !== 200) throw new Error(`${url} was answered ${response.statusCode}`);
  let size = 0;
  response.on('data', (bytes: Buffer) => {
    size += bytes.length;
    look(bytes);
  });
  await once(response, 'end');
  return size;
}

export async function digestAt(url: string): Promise<string> {
  const hash = createHash('sha256');
  await readThrough(url, (bytes) => hash.update(bytes));
  return `sha256:${hash.digest('hex')}`;
}

/** @throws where the two differ: a benchmark of wrong answers means nothing */
export function mustBe<T>(found: T, expected: T, what: string): void {
  if (found !== expected) throw new Error(`${what} is ${String(found)}, not ${String(expected)}`);
}
