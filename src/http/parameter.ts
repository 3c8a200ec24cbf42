import type { Context } from 'hono';

/** A parameter of the query, the first of that name. An empty one counts as absent, as with registry:2. */
export function parameter(c: Context, name: string): string | undefined {
  return c.req.query(name) || undefined;
}
