const MAX_LENGTH = 200;

/** A client's text as a message shows it: its beginning, where it is long. */
export function excerpt(text: string): string {
  return text.length <= MAX_LENGTH ? text : `${text.slice(0, MAX_LENGTH)}...`;
}
