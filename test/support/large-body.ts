import { createHash, randomBytes } from 'node:crypto';
import { type IncomingMessage, request } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** Bodies too large for memory: one random piece, repeated. */
const PIECE = randomBytes(1024 * 1024);

/** @param bytes - whole MiB */
export function digestOfPieces(bytes: number): string {
  const hash = createHash('sha256');
  for (let sent = 0; sent < bytes; sent += PIECE.length) hash.update(PIECE);
  return `sha256:${hash.digest('hex')}`;
}

/**
 * Sends a body of so many bytes. Resolves with the answer, whose body is dropped.
 * @param headers - with the body's Content-Length, or Transfer-Encoding: chunked
 */
export async function sendPieces(
  url: string,
  method: 'PATCH' | 'PUT',
  bytes: number,
  headers: Record<string, string | number>,
): Promise<IncomingMessage> {
  const sending = request(url, { method, headers });
  const answered = new Promise<IncomingMessage>((resolve, reject) => sending.once('response', resolve).once('error', reject));
  const pieces = Readable.from(Array.from({ length: bytes / PIECE.length }, () => PIECE));
  await pipeline(pieces, sending);
  const response = await answered;
  response.resume();
  return response;
}
