/**
 * What this isolate has lately read, or written itself, and nobody changes in place: links, and manifests by digest.
 * Bounded in weight and in age, for another isolate may delete what is remembered here.
 */
export class RecentCache<T> {
  readonly #clock: () => Date;
  readonly #maxAgeMs: number;
  readonly #maxWeight: number;
  /** In the order of their last use. */
  readonly #entries = new Map<string, { readonly value: T; readonly weight: number; readonly readMs: number }>();
  #weight = 0;

  /** @param maxWeight - in whatever unit `set` is given, bytes mostly */
  constructor(clock: () => Date, maxAgeSeconds: number, maxWeight: number) {
    this.#clock = clock;
    this.#maxAgeMs = maxAgeSeconds * 1000;
    this.#maxWeight = maxWeight;
  }

  get(key: string): T | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.delete(key);
    if (this.#clock().getTime() - entry.readMs >= this.#maxAgeMs) return undefined;
    this.#keep(key, entry);
    return entry.value;
  }

  set(key: string, value: T, weight: number): void {
    this.delete(key);
    if (weight > this.#maxWeight || this.#maxAgeMs === 0) return;
    this.#keep(key, { value, weight, readMs: this.#clock().getTime() });
    for (const oldest of this.#entries.keys()) {
      if (this.#weight <= this.#maxWeight) return;
      this.delete(oldest);
    }
  }

  delete(key: string): void {
    this.#weight -= this.#entries.get(key)?.weight ?? 0;
    this.#entries.delete(key);
  }

  #keep(key: string, entry: { readonly value: T; readonly weight: number; readonly readMs: number }): void {
    this.#entries.set(key, entry);
    this.#weight += entry.weight;
  }
}
