/** Bits that each text sets. */
const PROBES = 6;
/** With six probes, a full layer answers a wrong yes for one text of 40,000. */
const BITS_AN_ENTRY = 32;
const FIRST_LAYER_BYTES = 4096;
const GROWTH = 4;

export interface BloomFilterOptions {
  /** A full filter stops growing here, and gives more wrong answers from then on. */
  readonly maxBytes: number;
  /** A whole number. Filters with different salts are wrong about different texts. */
  readonly salt: number;
}

/** A filter's content, for another filter with the same salt. */
export interface SavedFilter {
  /** Texts in the last layer. */
  readonly count: number;
  readonly bytes: Uint8Array;
}

/**
 * A Bloom filter: remembers texts in bounded space. `has` is true for each text that was added, and by chance for a few that
 * were not. Collection uses it where a wrong yes keeps an unreferenced object for one more round; the next round has another
 * salt. The filter grows in layers, each four times as large as the one before, up to its limit.
 */
export class BloomFilter {
  readonly #options: BloomFilterOptions;
  readonly #layers: Uint8Array[] = [];
  #bytes = 0;
  /** Texts in the last layer. */
  #count = 0;

  constructor(options: BloomFilterOptions) {
    this.#options = options;
  }

  /** @returns false where the filter seems to have the text already */
  add(text: string): boolean {
    const places = this.#placesOf(text);
    if (this.#layers.some((layer) => isSet(layer, places))) return false;
    if (this.#count >= capacityOf(this.#layers.at(-1))) this.#grow();
    const layer = this.#layers.at(-1)!;
    for (const place of places) layer[bitOf(layer, place) >>> 3]! |= 1 << (place & 7);
    this.#count += 1;
    return true;
  }

  has(text: string): boolean {
    if (this.#layers.length === 0) return false;
    const places = this.#placesOf(text);
    return this.#layers.some((layer) => isSet(layer, places));
  }

  save(): SavedFilter {
    const bytes = new Uint8Array(this.#bytes);
    let offset = 0;
    for (const layer of this.#layers) {
      bytes.set(layer, offset);
      offset += layer.length;
    }
    return { count: this.#count, bytes };
  }

  load({ count, bytes }: SavedFilter): this {
    for (let offset = 0; offset < bytes.length;) {
      this.#push(this.#nextBytes);
      const layer = this.#layers.at(-1)!;
      layer.set(bytes.subarray(offset, offset + layer.length));
      offset += layer.length;
    }
    this.#count = count;
    return this;
  }

  get #nextBytes(): number {
    return (this.#layers.at(-1)?.length ?? FIRST_LAYER_BYTES / GROWTH) * GROWTH;
  }

  #grow(): void {
    if (this.#layers.length === 0 || this.#bytes + this.#nextBytes <= this.#options.maxBytes) this.#push(this.#nextBytes);
  }

  #push(bytes: number): void {
    this.#layers.push(new Uint8Array(bytes));
    this.#bytes += bytes;
    this.#count = 0;
  }

  /** Double hashing: two hashes of 32 bits, similar to FNV-1a. The places are one hash plus multiples of the other. */
  #placesOf(text: string): number[] {
    const { salt } = this.#options;
    let [one, other] = [0x811c9dc5 ^ salt, 0x9e3779b9 ^ salt];
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      one = Math.imul(one ^ code, 0x01000193);
      other = Math.imul(other ^ code, 0x5bd1e995);
      other ^= other >>> 15;
    }
    one = Math.imul(one ^ (one >>> 16), 0x85ebca6b) ^ other;
    other = Math.imul(other ^ (other >>> 13), 0xc2b2ae35) | 1;
    return Array.from({ length: PROBES }, (_, probe) => one + Math.imul(probe, other));
  }
}

function capacityOf(layer: Uint8Array | undefined): number {
  return ((layer?.length ?? 0) * 8) / BITS_AN_ENTRY;
}

/** The number of bits in a layer is a power of two. The lowest three bits of a place choose the bit within a byte. */
function bitOf(layer: Uint8Array, place: number): number {
  return place & (layer.length * 8 - 1);
}

function isSet(layer: Uint8Array, places: readonly number[]): boolean {
  return places.every((place) => (layer[bitOf(layer, place) >>> 3]! & (1 << (place & 7))) !== 0);
}
