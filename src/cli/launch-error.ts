/** The launcher can't go on. The message is one line for the person who started it. */
export class LaunchError extends Error {
  override readonly name = 'LaunchError';
}
