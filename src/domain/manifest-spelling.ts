/**
 * How a manifest is written, beside what it says. Clients in Go read the names of fields in any case, take the last of several,
 * and read no `9.0` or `9e0` as a size. A manifest that a client could read differently is refused.
 */
import { excerpt } from './excerpt.ts';
import { Failure } from './failure.ts';

/** What a field of the specification holds, as far as its spelling matters: an object, or a list of them, has such fields itself. */
type Field = 'integer' | 'anything' | Shape;

interface Shape {
  readonly fields: Readonly<Record<string, Field>>;
  /** By their names as Go compares them. */
  readonly names: ReadonlyMap<string, string>;
}

const PLATFORM = shapeOf({
  architecture: 'anything',
  os: 'anything',
  'os.version': 'anything',
  'os.features': 'anything',
  variant: 'anything',
  features: 'anything',
});

/** https://github.com/opencontainers/image-spec/blob/main/descriptor.md#properties */
const DESCRIPTOR = shapeOf({
  mediaType: 'anything',
  digest: 'anything',
  size: 'integer',
  urls: 'anything',
  annotations: 'anything',
  data: 'anything',
  artifactType: 'anything',
  platform: PLATFORM,
});

/** The fields of an image and of an index together. */
const MANIFEST = shapeOf({
  schemaVersion: 'integer',
  mediaType: 'anything',
  artifactType: 'anything',
  config: DESCRIPTOR,
  layers: DESCRIPTOR,
  manifests: DESCRIPTOR,
  subject: DESCRIPTOR,
  annotations: 'anything',
});

function shapeOf(fields: Readonly<Record<string, Field>>): Shape {
  return { fields, names: new Map(Object.keys(fields).map((name) => [folded(name), name])) };
}

/** As Go's encoding/json: two letters beyond ASCII, U+212A and U+017F, are a k and an s to it. */
function folded(name: string): string {
  return name.toLowerCase().replaceAll('\u017f', 's');
}

/** The limit of Go's encoding/json. */
const MAX_DEPTH = 10_000;
/** Of a name that could be meant for one of the specification, with each letter escaped and the quotes. */
const MAX_NAME_BYTES = 6 * 'schemaVersion'.length + 2;

const [QUOTE, COMMA, DOT, COLON, BACKSLASH] = [0x22, 0x2c, 0x2e, 0x3a, 0x5c];
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];
const [UPPER_E, LOWER_E] = [0x45, 0x65];

const UTF_8 = new TextDecoder();

/** An object or a list that is not closed yet. */
interface Open {
  readonly isObject: boolean;
  readonly shape: Shape | undefined;
  readonly place: string;
  readonly seen: Set<string>;
  /** Whether the next string is a name. */
  isBeforeName: boolean;
  /** The field or the element that is read. */
  at: string | number;
}

/**
 * Reads each byte once.
 *
 * @param json - of a manifest that was parsed, and in which each field has what it must have
 * @throws {Failure} manifest-invalid
 */
export function checkSpelling(json: Uint8Array): void {
  const stack: Open[] = [];
  let field: Field | undefined = MANIFEST;
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at];
    const top = stack.at(-1);
    if (byte === QUOTE) {
      const end = endOfString(json, at);
      if (top?.isBeforeName === true) field = top.shape && fieldOf(top, top.shape, json.subarray(at, end + 1));
      at = end;
    } else if (byte === COLON) top!.isBeforeName = false;
    else if (byte === COMMA) {
      if (top!.isObject) top!.isBeforeName = true;
      else {
        field = top!.shape;
        (top!.at as number) += 1;
      }
    } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      if (stack.length === MAX_DEPTH) throw invalid(`the manifest is nested more than ${MAX_DEPTH} levels deep`);
      const shape: Shape | undefined = typeof field === 'object' ? field : undefined;
      const isObject = byte === OPEN_OBJECT;
      const place = top === undefined || shape === undefined ? '' : placeIn(top);
      stack.push({ isObject, shape, place, seen: new Set(), isBeforeName: isObject, at: 0 });
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      stack.pop();
      field = undefined;
    } else if (field === 'integer' && (byte === DOT || byte === LOWER_E || byte === UPPER_E))
      throw invalid(`${placeIn(top!)}: has a fraction or an exponent`);
  }
}

/** @param name - in quotes, as it is written */
function fieldOf(object: Open, { fields, names }: Shape, name: Uint8Array): Field | undefined {
  if (name.length > MAX_NAME_BYTES) return undefined;
  const text = JSON.parse(UTF_8.decode(name)) as string;
  const known = names.get(folded(text));
  if (known === undefined) return undefined;
  object.at = known;
  if (text !== known) throw invalid(`${placeIn(object)}: is written ${excerpt(text)}, which clients read as the same`);
  if (object.seen.has(known)) throw invalid(`${placeIn(object)}: is there twice`);
  object.seen.add(known);
  return fields[known];
}

function placeIn({ place, at }: Open): string {
  return place === '' ? String(at) : `${place}.${at}`;
}

function endOfString(json: Uint8Array, start: number): number {
  let at = start + 1;
  while (at < json.length && json[at] !== QUOTE) at += json[at] === BACKSLASH ? 2 : 1;
  return at;
}

function invalid(message: string): Failure {
  return new Failure('manifest-invalid', message);
}
