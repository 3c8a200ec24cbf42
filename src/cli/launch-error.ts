/** A reason why the launcher can't go on, to be told in one line. */
export class LaunchError extends Error {
  override readonly name = 'LaunchError';
}
