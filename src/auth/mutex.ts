import { Unavailable } from '../domain/unavailable.ts';

const LOOK_MS = 50;
/** 20 s. After that the client is told to come again. */
const MAX_LOOKS = 400;
/** A turn that shows no sign of life for a second has been ended by the platform, as when its client goes away. */
const MAX_STILL_LOOKS = 20;

/**
 * Runs CPU-heavy jobs one at a time: parallelism gains nothing and starves other requests. Waiting jobs poll, because in
 * workerd a request must not await another request's promise.
 */
export class Mutex {
  readonly #wait: (ms: number) => Promise<void>;
  #current: { signs: number } | undefined;

  constructor(wait: (ms: number) => Promise<void>) {
    this.#wait = wait;
  }

  /**
   * @param work - calls what it is given at least twice a second
   * @throws {Unavailable} where the others take too long
   */
  async run<T>(work: (stillThere: () => void) => Promise<T>): Promise<T> {
    let [seen, signs, still] = [this.#current, this.#current?.signs, 0];
    for (let looks = 0; this.#current !== undefined && still < MAX_STILL_LOOKS; looks += 1) {
      if (looks === MAX_LOOKS) throw new Unavailable('too many passwords are being checked');
      await this.#wait(LOOK_MS);
      still = seen === this.#current && signs === this.#current?.signs ? still + 1 : 0;
      [seen, signs] = [this.#current, this.#current?.signs];
    }
    const turn = { signs: 0 };
    this.#current = turn;
    try {
      return await work(() => void (turn.signs += 1));
    } finally {
      if (this.#current === turn) this.#current = undefined;
    }
  }
}
