import type { Context } from 'hono';

/**
 * Tells the client's user what they may not expect, although the request succeeded:
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#warnings
 */
export function warn(c: Context, text: string): void {
  c.header('Warning', `299 - "${text.replace(/["\\]/g, '\\$&')}"`, { append: true });
}
