/** Globs of the settings: which repositories, and which tags, a rule is about. */
import { z } from 'zod';

export const oneOrMore = <T extends z.ZodType<string, string>>(each: T) =>
  z
    .union([z.string().transform((one) => [one]), z.array(z.string()).min(1)], 'must be a text or a list of texts')
    .pipe(z.array(each));

export const repositoryGlob = z
  .string()
  .regex(/^[a-z0-9._/*-]+$/, 'must be a repository name with * for a part of a component and ** for more');

const TAG_PIECE = /(\*|\[[\w.-]+\])/;

export const tagGlob = z
  .string()
  .regex(/^(?:[\w.*-]|\[[\w.-]+\])+$/, 'must be a tag with * for any characters and [0-9] for one of a kind')
  .refine((glob) => glob.split(TAG_PIECE).every(isReadable), 'has a range that runs backwards');

/** A text to the letter, or characters of one kind: exactly one, or any number. */
type Piece = string | { readonly isOne: (character: string) => boolean; readonly isRepeated: boolean };

/** `*` is any part of a component, `**` any number of components too. */
export function repositoryPieces(glob: string): Piece[] {
  return glob.split(/(\*\*|\*)/).map((piece) => {
    if (piece === '**') return { isOne: () => true, isRepeated: true };
    return piece === '*' ? { isOne: (character) => character !== '/', isRepeated: true } : piece;
  });
}

/** `*` is any characters, `[a-z_]` one of those. */
function tagPieces(glob: string): Piece[] {
  return glob.split(TAG_PIECE).map((piece) => {
    if (piece === '*') return { isOne: () => true, isRepeated: true };
    if (!piece.startsWith('[')) return piece;
    const kind = new RegExp(piece);
    return { isOne: (character) => kind.test(character), isRepeated: false };
  });
}

export function isRepositoryIn(globs: readonly string[], name: string): boolean {
  return globs.some((glob) => matches(repositoryPieces(glob), name));
}

export function isTagIn(globs: readonly string[], tag: string): boolean {
  return globs.some((glob) => matches(tagPieces(glob), tag));
}

/**
 * Tracks all reachable positions in the text, piece by piece: a regular expression could backtrack exponentially.
 */
export function matches(pieces: readonly Piece[], text: string): boolean {
  let reached: readonly number[] = [0];
  for (const piece of pieces) reached = reachedBehind(reached, text, piece);
  return reached.includes(text.length);
}

function reachedBehind(reached: readonly number[], text: string, piece: Piece): number[] {
  if (typeof piece === 'string') return reached.filter((at) => text.startsWith(piece, at)).map((at) => at + piece.length);
  if (piece.isRepeated) return reachedBeyond(reached, text, piece.isOne);
  return reached.filter((at) => piece.isOne(text.charAt(at))).map((at) => at + 1);
}

function reachedBeyond(reached: readonly number[], text: string, isOne: (character: string) => boolean): number[] {
  const starts = new Set(reached);
  const places: number[] = [];
  let isReached = false;
  for (let place = 0; place <= text.length; place += 1) {
    if (!isOne(text.charAt(place - 1))) isReached = false;
    isReached ||= starts.has(place);
    if (isReached) places.push(place);
  }
  return places;
}

function isReadable(piece: string): boolean {
  if (!piece.startsWith('[')) return true;
  try {
    return new RegExp(piece) instanceof RegExp;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}
