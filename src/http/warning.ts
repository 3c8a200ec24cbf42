import type { Context } from 'hono';

/**
 * Adds a warning to the answer of a request that succeeded. Clients show it to their user:
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#warnings
 */
export function warn(c: Context, text: string): void {
  c.header('Warning', `299 - "${text.replace(/["\\]/g, '\\$&')}"`, { append: true });
}
