/** One request may do no more: the client must repeat it, which continues the work. The message is for the client. */
export class RepeatRequest extends Error {
  override readonly name = 'RepeatRequest';
}
