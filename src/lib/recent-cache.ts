/**
 * Memory of an entry besides its key and the bytes that `set` is given: its share of the map, the objects around the value,
 * their digest and media type. In Node 24 this was 560 bytes for a manifest, 340 for a link, 400 for others (November 2026).
 */
export const ENTRY_BYTES = 640;

interface Entry<T> {
  readonly value: T;
  readonly bytes: number;
  readonly readMs: number;
}

export interface RecentCacheOptions {
  readonly clock: () => Date;
  /** 0: nothing is remembered. */
  readonly maxAgeSeconds: number;
  /** Of memory for all entries together, with everything that belongs to them. */
  readonly maxBytes: number;
}

/**
 * Values that this isolate has read or written lately, such as links and manifests by digest. Their number is bounded by
 * memory. Their age is bounded because another isolate may delete what they stand for.
 */
export class RecentCache<T> {
  readonly #options: RecentCacheOptions;
  /** In the order of their last use. */
  readonly #entries = new Map<string, Entry<T>>();
  #bytes = 0;

  constructor(options: RecentCacheOptions) {
    this.#options = options;
  }

  get(key: string): T | undefined {
    const own = copied(key);
    const entry = this.#entries.get(own);
    if (entry === undefined) return undefined;
    this.#remove(own);
    if (this.#nowMs() - entry.readMs >= this.#options.maxAgeSeconds * 1000) return undefined;
    this.#keep(own, entry);
    return entry.value;
  }

  /** @param valueBytes - memory of the value's long parts, such as a manifest's bytes */
  set(key: string, value: T, valueBytes: number): void {
    const own = copied(key);
    this.#remove(own);
    const bytes = ENTRY_BYTES + own.length + valueBytes;
    const { maxBytes, maxAgeSeconds } = this.#options;
    if (bytes > maxBytes || maxAgeSeconds === 0) return;
    this.#keep(own, { value, bytes, readMs: this.#nowMs() });
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= maxBytes) return;
      this.#remove(oldest);
    }
  }

  delete(key: string): void {
    this.#remove(copied(key));
  }

  #nowMs(): number {
    return this.#options.clock().getTime();
  }

  #remove(key: string): void {
    this.#bytes -= this.#entries.get(key)?.bytes ?? 0;
    this.#entries.delete(key);
  }

  #keep(key: string, entry: Entry<T>): void {
    this.#entries.set(key, entry);
    this.#bytes += entry.bytes;
  }
}

/** A string that was cut out of a longer one keeps the longer one in memory, such as a request's whole header. A copy doesn't. */
function copied(key: string): string {
  return new TextDecoder().decode(new TextEncoder().encode(key));
}
