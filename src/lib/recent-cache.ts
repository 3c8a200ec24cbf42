/**
 * What an entry takes besides its key and what `set` is told: its share of the map, the objects around the value, their
 * digest and media type. In Node 24 that was 560 bytes of a manifest, 340 of a link, 400 of others (November 2026).
 */
export const ENTRY_BYTES = 640;

interface Entry<T> {
  readonly value: T;
  readonly bytes: number;
  readonly readMs: number;
}

/**
 * Immutable things that this isolate has lately read or written: links, and manifests by digest.
 * Bounded in memory, and in age, because another isolate may delete them.
 */
export class RecentCache<T> {
  readonly #clock: () => Date;
  readonly #maxAgeMs: number;
  readonly #maxBytes: number;
  /** In the order of their last use. */
  readonly #entries = new Map<string, Entry<T>>();
  #bytes = 0;

  /** @param maxBytes - of memory that all entries take together, with all that belongs to them */
  constructor(clock: () => Date, maxAgeSeconds: number, maxBytes: number) {
    this.#clock = clock;
    this.#maxAgeMs = maxAgeSeconds * 1000;
    this.#maxBytes = maxBytes;
  }

  get(key: string): T | undefined {
    const own = copied(key);
    const entry = this.#entries.get(own);
    if (entry === undefined) return undefined;
    this.#remove(own);
    if (this.#clock().getTime() - entry.readMs >= this.#maxAgeMs) return undefined;
    this.#keep(own, entry);
    return entry.value;
  }

  /** @param valueBytes - of what the value holds that may be long: a manifest's bytes, say */
  set(key: string, value: T, valueBytes: number): void {
    const own = copied(key);
    this.#remove(own);
    const bytes = ENTRY_BYTES + own.length + valueBytes;
    if (bytes > this.#maxBytes || this.#maxAgeMs === 0) return;
    this.#keep(own, { value, bytes, readMs: this.#clock().getTime() });
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#maxBytes) return;
      this.#remove(oldest);
    }
  }

  delete(key: string): void {
    this.#remove(copied(key));
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

/** For a text that was cut out of another, or put together, holds on to what it was made of: a request's whole header, say. */
function copied(key: string): string {
  return new TextDecoder().decode(new TextEncoder().encode(key));
}
