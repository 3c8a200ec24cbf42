import { createHash, timingSafeEqual } from 'node:crypto';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { z } from 'zod';
import { type ObjectInfo, type ObjectStore, type PutCondition, StoreError, type Written } from '../../storage/object-store.ts';

export const STORE_PATH = '/_berth/store';
/** The size, ETag and time of the object in the answer's body, as JSON. */
export const OBJECT_HEADER = 'X-Berth-Object';

const count = z.string().regex(/^\d+$/).transform(Number);
const range = z.object({ offset: count, length: count });
const page = z.object({ prefix: z.string(), startAfter: z.string().optional(), limit: count.optional() });
const verified = z.object({ key: z.string(), length: count, sha256: z.string() });
const upload = z.object({ key: z.string(), multipartId: z.string() });
const parts = z.array(z.object({ number: z.int(), etag: z.string() }));

/**
 * The store itself, for commands on this machine (src/cli/remote-store.ts). Only one process can open the embedded store, so
 * commands go through its worker. Requests without the key get 404.
 *
 * @param key - drawn by the launcher for this run of the worker
 */
export function storeAccess(store: ObjectStore, key: string): MiddlewareHandler {
  const routes = storeRoutes(store);
  return async (c, next) => {
    if (isSame(c.req.header('Authorization') ?? '', `Bearer ${key}`)) return routes.fetch(c.req.raw);
    return next();
  };
}

/** Compares in constant time. */
function isSame(given: string, wanted: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(given), hash(wanted));
}

/** Answers 204 if an object is absent, and 412 if a condition did not hold. Failures have the kind of their StoreError. */
function storeRoutes(store: ObjectStore): Hono {
  const routes = new Hono().basePath(STORE_PATH);

  routes.get('/object', async (c) => {
    const { key, ...part } = c.req.query();
    const object = await store.get(key!, 'offset' in part ? range.parse(part) : undefined);
    if (object === undefined) return c.body(null, 204);
    return c.body(object.body, 200, { [OBJECT_HEADER]: JSON.stringify(facts(object)), 'Content-Encoding': 'identity' });
  });

  routes.get('/info', async (c) => {
    const object = await store.head(c.req.query('key')!);
    return object === undefined ? c.body(null, 204) : c.json(facts(object));
  });

  routes.get('/objects', async (c) => {
    const { prefix, startAfter, limit } = page.parse(c.req.query());
    const { objects, truncated } = await store.list({ prefix, startAfter, ...(limit !== undefined && { limit }) });
    return c.json({ objects: objects.map((object) => ({ key: object.key, ...facts(object) })), truncated });
  });

  routes.put('/object', async (c) => {
    const bytes = new Uint8Array(await c.req.arrayBuffer());
    return answerPut(c, await store.put(c.req.query('key')!, bytes, conditionOf(c.req.header())));
  });

  routes.put('/verified', async (c) => {
    const { key, ...expected } = verified.parse(c.req.query());
    return answerPut(c, await store.putVerified(key, c.req.raw.body!, expected, conditionOf(c.req.header())));
  });

  routes.post('/delete', async (c) => {
    await store.delete(z.array(z.string()).parse(await c.req.json()));
    return c.body(null, 204);
  });

  const uploadOf = (c: Context) => {
    const { key, multipartId } = upload.parse(c.req.query());
    return store.resumeMultipart(key, multipartId);
  };

  routes.post('/multipart', async (c) => {
    const { multipartId } = await store.createMultipart(c.req.query('key')!);
    return c.json({ multipartId });
  });

  routes.put('/part', async (c) => {
    const bytes = new Uint8Array(await c.req.arrayBuffer());
    return c.json(await uploadOf(c).uploadPart(count.parse(c.req.query('number')), bytes));
  });

  routes.post('/complete', async (c) => {
    await uploadOf(c).complete(parts.parse(await c.req.json()));
    return c.body(null, 204);
  });

  routes.post('/abort', async (c) => {
    await uploadOf(c).abort();
    return c.body(null, 204);
  });

  routes.onError((error, c) => {
    const kind = error instanceof StoreError ? error.kind : 'unexpected';
    return c.json({ kind, message: error.message }, 500);
  });
  return routes;
}

function answerPut(c: Context, written: Written | undefined): Response {
  return written === undefined ? c.body(null, 412) : c.json(written);
}

function facts({ size, etag, lastModified }: ObjectInfo): { size: number; etag: string; lastModified: Date } {
  return { size, etag, lastModified };
}

function conditionOf(headers: Record<string, string>): PutCondition | undefined {
  if (headers['if-none-match'] !== undefined) return { kind: 'absent' };
  const etag = headers['if-match'];
  return etag === undefined ? undefined : { kind: 'match', etag };
}
