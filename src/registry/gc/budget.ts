import type { ObjectStore } from '../../storage/object-store.ts';

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

  /** The same store; each operation is subtracted from the budget. It has only the operations that collection needs. */
  metered(store: ObjectStore): ObjectStore {
    const paid = <A extends unknown[], R>(operation: (...args: A) => Promise<R>) => {
      return (...args: A): Promise<R> => {
        this.#operations -= 1;
        return operation(...args);
      };
    };
    return {
      get: paid(store.get.bind(store)),
      head: paid(store.head.bind(store)),
      list: paid(store.list.bind(store)),
      put: paid(store.put.bind(store)),
      putVerified: paid(store.putVerified.bind(store)),
      delete: paid(store.delete.bind(store)),
      createMultipart: paid(store.createMultipart.bind(store)),
      resumeMultipart: store.resumeMultipart.bind(store),
    };
  }
}
