/** Bits of a text that are set. */
const PROBES = 6;
/** With six probes, a full layer takes one of 40,000 texts for added that were not. */
const BITS_AN_ENTRY = 32;
const FIRST_LAYER_BYTES = 4096;
const GROWTH = 4;

/**
 * A Bloom filter: which texts were added, in bounded space. `has` is true for each that was added, and by chance for a few
 * that were not. Garbage collection asks it only where a wrong yes keeps garbage for a round; another round has another salt.
 *
 * It grows in layers, each four times the last, up to its limit; beyond that it is wrong more often.
 */
export class KeyFilter {
  readonly #maxBytes: number;
  readonly #salt: number;
  readonly #layers: Uint8Array[] = [];
  #bytes = 0;
  /** Entries of the last layer. */
  #count = 0;

  /** @param salt - a whole number: filters with other salts are wrong about other texts */
  constructor(maxBytes: number, salt: number) {
    this.#maxBytes = maxBytes;
    this.#salt = salt;
  }

  /** @returns false where it seems to have been added before */
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

  /** For `load`, with the same salt. */
  save(): { readonly count: number; readonly bytes: Uint8Array } {
    const bytes = new Uint8Array(this.#bytes);
    let offset = 0;
    for (const layer of this.#layers) {
      bytes.set(layer, offset);
      offset += layer.length;
    }
    return { count: this.#count, bytes };
  }

  load({ count, bytes }: { readonly count: number; readonly bytes: Uint8Array }): this {
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
    if (this.#layers.length === 0 || this.#bytes + this.#nextBytes <= this.#maxBytes) this.#push(this.#nextBytes);
  }

  #push(bytes: number): void {
    this.#layers.push(new Uint8Array(bytes));
    this.#bytes += bytes;
    this.#count = 0;
  }

  /** Two hashes of 32 bits in the manner of FNV-1a, and steps from one by the other. */
  #placesOf(text: string): number[] {
    let [one, other] = [0x811c9dc5 ^ this.#salt, 0x9e3779b9 ^ this.#salt];
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      one = Math.imul(one ^ code, 0x01000193);
      other = Math.imul(other ^ code, 0x5bd1e995);
      other ^= other >>> 15;
    }
    one = Math.imul(one ^ (one >>> 16), 0x85ebca6b) ^ other;
    other = Math.imul(other ^ (other >>> 13), 0xc2b2ae35) | 1;
    return Array.from({ length: PROBES }, (_, probe) => (one + Math.imul(probe, other)) >>> 0);
  }
}

function capacityOf(layer: Uint8Array | undefined): number {
  return ((layer?.length ?? 0) * 8) / BITS_AN_ENTRY;
}

/** A layer's bits are a power of two. The lowest three bits of a place choose the bit within a byte. */
function bitOf(layer: Uint8Array, place: number): number {
  return place & (layer.length * 8 - 1);
}

function isSet(layer: Uint8Array, places: readonly number[]): boolean {
  return places.every((place) => (layer[bitOf(layer, place) >>> 3]! & (1 << (place & 7))) !== 0);
}
