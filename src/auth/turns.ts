import { Unavailable } from '../domain/unavailable.ts';

const LOOK_MS = 50;
/** Who has waited for 20 s may come again later. */
const MAX_LOOKS = 400;
/** A turn that shows no sign of life for a second has been ended by the platform, as when its client goes away. */
const MAX_STILL_LOOKS = 20;

/**
 * One at a time: work that keeps the CPU busy is done no sooner side by side, but lets nobody else in between. Whoever waits
 * looks again and again, since a request of workerd's must not wait for what another one does.
 */
export class Turns {
  readonly #wait: (ms: number) => Promise<void>;
  #current: { signs: number } | undefined;

  constructor(wait: (ms: number) => Promise<void>) {
    this.#wait = wait;
  }

  /**
   * @param work - calls what it is given at least twice a second
   * @throws {Unavailable} where the others take too long
   */
  async take<T>(work: (stillThere: () => void) => Promise<T>): Promise<T> {
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
