/** Controls, signs that turn the direction of text, line separators, and what has no width; line feeds are none of them here. */
const UNSEEN = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** Text for a terminal: what would steer it, or not be seen there, as JSON's `\u` escapes. JSON stays the same value. */
export function escapeUnseen(text: string): string {
  return text.replace(UNSEEN, (character) =>
    Array.from({ length: character.length }, (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''),
  );
}
