/** A request has done as much as one request may, and the same request goes on from there. Its message goes to the client. */
export class Unfinished extends Error {
  override readonly name = 'Unfinished';
}
