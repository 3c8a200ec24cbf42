const MAX_LENGTH = 200;

/** A client's text for a message. A long text is cut. */
export function excerpt(text: string): string {
  return text.length <= MAX_LENGTH ? text : `${text.slice(0, MAX_LENGTH)}...`;
}

/** The same in quotes, for a text that may be empty or have spaces. */
export function quoted(text: string): string {
  return `"${excerpt(text)}"`;
}
