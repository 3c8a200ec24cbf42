type Numbers = Uint32Array | Int32Array;

/** A growing array of numbers, packed. */
export class GrowableArray {
  readonly #type: new (length: number) => Numbers;
  #values: Numbers;
  #length = 0;

  constructor(type: new (length: number) => Numbers) {
    this.#type = type;
    this.#values = new type(1024);
  }

  /** @returns its row */
  push(value: number): number {
    if (this.#length === this.#values.length) {
      const larger = new this.#type(Math.ceil(this.#length * 1.5));
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#length] = value;
    this.#length += 1;
    return this.#length - 1;
  }

  get(row: number): number {
    return this.#values[row]!;
  }

  set(row: number, value: number): void {
    this.#values[row] = value;
  }
}
