import type { SmallObjects } from '../../storage/object-store.ts';

/** What one run may take before it leaves the rest to the next. */
export interface BudgetOptions {
  /** Storage operations. A few more may follow: what is begun is ended. */
  readonly operations: number;
  readonly seconds: number;
}

/** There is nothing left for what can't be done in part. */
export class BudgetSpent extends Error {
  override readonly name = 'BudgetSpent';
}

/** How much of it is left. Looked at between two things to do, never in the middle of one. */
export class Budget {
  readonly #clock: () => Date;
  readonly #endsAtMs: number;
  #operations: number;

  constructor({ operations, seconds }: BudgetOptions, clock: () => Date) {
    this.#clock = clock;
    this.#operations = operations;
    this.#endsAtMs = clock().getTime() + seconds * 1000;
  }

  get isSpent(): boolean {
    return this.#operations <= 0 || this.#clock().getTime() >= this.#endsAtMs;
  }

  /** @throws {BudgetSpent} */
  demand(): void {
    if (this.isSpent) throw new BudgetSpent();
  }

  /** The same store, with each operation charged to this budget. */
  metered(store: SmallObjects): SmallObjects {
    const charged = <A extends unknown[], R>(operation: (...args: A) => Promise<R>) => {
      return (...args: A): Promise<R> => {
        this.#operations -= 1;
        return operation(...args);
      };
    };
    return {
      get: charged(store.get.bind(store)),
      head: charged(store.head.bind(store)),
      list: charged(store.list.bind(store)),
      put: charged(store.put.bind(store)),
      delete: charged(store.delete.bind(store)),
    };
  }
}
