import { createHash } from 'node:crypto';

/** A stored object's content without its random nonce. */
export function contentOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes).replace(/"nonce":"[^"]*"/, '');
}

export function digestOfText(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
