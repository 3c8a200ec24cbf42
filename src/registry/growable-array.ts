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

  /** @returns the index of the value */
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

  get(index: number): number {
    return this.#values[index]!;
  }

  set(index: number, value: number): void {
    this.#values[index] = value;
  }
}
