import { Failure } from '../../src/domain/failure.ts';

/** What a parser makes of its input, or the kind of failure that it throws. Anything else that it throws is a defect. */
export function outcome<T>(parse: () => T): T | string {
  try {
    return parse();
  } catch (error) {
    if (error instanceof Failure) return error.kind;
    throw error;
  }
}
