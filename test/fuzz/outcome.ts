import { Failure } from '../../src/domain/failure.ts';

/** A parser's result, or the kind of the Failure that it throws. Any other error is a defect. */
export function outcome<T>(parse: () => T): T | string {
  try {
    return parse();
  } catch (error) {
    if (error instanceof Failure) return error.kind;
    throw error;
  }
}
