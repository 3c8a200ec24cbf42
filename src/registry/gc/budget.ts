import type { SmallObjects } from '../../storage/object-store.ts';

/** What one slice may use before it leaves the rest to the next. */
export interface SliceLimits {
  /** Storage operations. A slice finishes the step that it has begun, so a few more may follow. */
  readonly operations: number;
  readonly seconds: number;
}

export interface BudgetOptions extends SliceLimits {
  readonly clock: () => Date;
}

/** Counts what a slice has used. It is checked between two steps, never within one. */
export class Budget {
  readonly #clock: () => Date;
  readonly #endsAtMs: number;
  #operations: number;

  constructor({ operations, seconds, clock }: BudgetOptions) {
    this.#clock = clock;
    this.#operations = operations;
    this.#endsAtMs = clock().getTime() + seconds * 1000;
  }

  get isSpent(): boolean {
    return this.#operations <= 0 || this.#clock().getTime() >= this.#endsAtMs;
  }

  /** The same store; each operation is subtracted from the budget.  */
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
