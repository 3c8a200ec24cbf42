import type { Context } from 'hono';

/** The first query parameter of this name. An empty one counts as absent, as with registry:2. */
export function queryParameter(c: Context, name: string): string | undefined {
  return c.req.query(name) || undefined;
}
