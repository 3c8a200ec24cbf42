import { compare } from 'bcryptjs';

/**
 * Compares a password with a bcrypt hash.
 * @param onSlice - called every 100 ms, between which other tasks run; never at the edge, where the clock stands still
 */
export type ComparePassword = (password: string, hash: string, onSlice: () => void) => Promise<boolean>;

export const comparePassword: ComparePassword = (password, hash, onSlice) =>
  new Promise((resolve, reject) => {
    compare(password, hash, (error, isRight) => (error ? reject(error) : resolve(isRight === true)), onSlice);
  });
