import type { ObjectStore } from '../../storage/object-store.ts';

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

  /** The same store, each operation of which is paid for. Only what collection asks of one. */
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
