/** Globs in rules of the settings, for the names of repositories and for tags. */
import { z } from 'zod';

export const oneOrMore = <T extends z.ZodType<string, string>>(each: T) =>
  z
    .union([z.string().transform((one) => [one]), z.array(z.string()).min(1)], 'must be a text or a list of texts')
    .pipe(z.array(each));

export const repositoryGlob = z
  .string()
  .regex(/^[a-z0-9._/*-]+$/, 'must be a repository name, in which * is a part of a component, and ** any components');

const TAG_PIECE = /(\*|\[[\w.-]+\])/;

export const tagGlob = z
  .string()
  .regex(/^(?:[\w.*-]|\[[\w.-]+\])+$/, 'must be a tag with * for any characters and [0-9] for one of several characters')
  .refine((glob) => glob.split(TAG_PIECE).every(isValidPiece), 'has a range in the wrong order, such as [9-0]');

/** Exact text, or characters of one kind: exactly one, or any number of them. */
type Piece = string | { readonly matches: (character: string) => boolean; readonly isRepeated: boolean };

/** `*` matches a part of a component, `**` also several components. */
export function repositoryPieces(glob: string): Piece[] {
  return glob.split(/(\*\*|\*)/).map((piece) => {
    if (piece === '**') return { matches: () => true, isRepeated: true };
    return piece === '*' ? { matches: (character) => character !== '/', isRepeated: true } : piece;
  });
}

/** `*` matches any characters, `[a-z_]` one of these. */
function tagPieces(glob: string): Piece[] {
  return glob.split(TAG_PIECE).map((piece) => {
    if (piece === '*') return { matches: () => true, isRepeated: true };
    if (!piece.startsWith('[')) return piece;
    const kind = new RegExp(piece);
    return { matches: (character) => kind.test(character), isRepeated: false };
  });
}

export function isRepositoryIn(globs: readonly string[], name: string): boolean {
  return globs.some((glob) => matches(repositoryPieces(glob), name));
}

export function isTagIn(globs: readonly string[], tag: string): boolean {
  return globs.some((glob) => matches(tagPieces(glob), tag));
}

/** Tracks all reachable positions in the text, piece by piece: a regular expression could backtrack exponentially. */
export function matches(pieces: readonly Piece[], text: string): boolean {
  let reached: readonly number[] = [0];
  for (const piece of pieces) reached = reachedAfterPiece(reached, text, piece);
  return reached.includes(text.length);
}

function reachedAfterPiece(reached: readonly number[], text: string, piece: Piece): number[] {
  if (typeof piece === 'string') return reached.filter((at) => text.startsWith(piece, at)).map((at) => at + piece.length);
  if (piece.isRepeated) return reachedAfterRepeats(reached, text, piece.matches);
  return reached.filter((at) => piece.matches(text.charAt(at))).map((at) => at + 1);
}

function reachedAfterRepeats(reached: readonly number[], text: string, matches: (character: string) => boolean): number[] {
  const starts = new Set(reached);
  const positions: number[] = [];
  let isReached = false;
  for (let position = 0; position <= text.length; position += 1) {
    if (!matches(text.charAt(position - 1))) isReached = false;
    isReached ||= starts.has(position);
    if (isReached) positions.push(position);
  }
  return positions;
}

function isValidPiece(piece: string): boolean {
  if (!piece.startsWith('[')) return true;
  try {
    return new RegExp(piece) instanceof RegExp;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}
