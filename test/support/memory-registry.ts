import { compose, type Registry } from '../../src/wiring/compose.ts';
import type { Platform } from '../../src/wiring/platform.ts';
import { BufferPool, MAX_BUFFERED_BYTES } from '../../src/registry/body/buffer-pool.ts';
import { parseConfig } from '../../src/config/config.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import { ApiClient } from './api-client.ts';

export interface MemoryRegistry {
  readonly registry: Registry;
  readonly client: ApiClient;
  readonly store: MemoryStore;
  readonly pool: BufferPool;
}

/**
 * A registry in this process, on a bucket in memory.
 * @param partBytes - smaller than any real store allows, for tests with many small parts
 */
export function memoryRegistry(
  settings: Record<string, string> = {},
  platform: Partial<Platform> = {},
  partBytes?: number,
): MemoryRegistry {
  const store = new MemoryStore(platform.clock);
  const parsed = parseConfig({ REGISTRY_LOG_ACCESSLOG_DISABLED: 'true', REGISTRY_LOG_LEVEL: 'error', ...settings });
  const config = partBytes === undefined ? parsed : { ...parsed, storage: { ...parsed.storage, partBytes } };
  const pool = new BufferPool({ limitBytes: MAX_BUFFERED_BYTES, clock: () => new Date() });
  const system = {
    pool,
    clock: () => new Date(),
    randomId: () => crypto.randomUUID(),
    presign: undefined,
    storeName: 'memory',
    // No time passes, but other work goes on.
    wait: () => new Promise<void>((resolve) => void setImmediate(resolve)),
    random: Math.random,
    limit: undefined,
    isEmulated: false,
    isOnLoopback: false,
  };
  const registry = compose(config, { store, ...system, ...platform });
  const background = { waitUntil: () => undefined, passThroughOnException: () => undefined, props: {} };
  const client = new ApiClient(async (path, init) =>
    registry.app.fetch(withLength(new Request(`http://registry.test${path}`, init), init), {}, background),
  );
  return { registry, client, store, pool };
}

/** Adds the Content-Length that a client would send: a Request in memory doesn't have it. */
function withLength(request: Request, { body }: RequestInit): Request {
  if (body instanceof Uint8Array) request.headers.set('Content-Length', String(body.length));
  else if (body === undefined && request.method !== 'GET' && request.method !== 'HEAD')
    request.headers.set('Content-Length', '0');
  return request;
}
