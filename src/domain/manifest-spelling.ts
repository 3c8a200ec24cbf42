/**
 * Checks how a manifest is spelled. Clients in Go accept field names in any case, use the last of repeated fields, and refuse
 * `9.0` or `9e0` as a size. A manifest that a client could read differently is refused.
 */
import { excerpt } from './excerpt.ts';
import { Failure } from './failure.ts';

/** The kind of a field, as far as its spelling matters. A `Shape` is an object, or a list of objects. */
type Field = 'integer' | 'anything' | Shape;

interface Shape {
  readonly fields: Readonly<Record<string, Field>>;
  /** The fields' names, by their names as Go compares them. */
  readonly names: ReadonlyMap<string, string>;
}

const ANYTHING = 'anything';

const PLATFORM = shapeOf({
  architecture: ANYTHING,
  os: ANYTHING,
  'os.version': ANYTHING,
  'os.features': ANYTHING,
  variant: ANYTHING,
  features: ANYTHING,
});

/** https://github.com/opencontainers/image-spec/blob/main/descriptor.md#properties */
const DESCRIPTOR = shapeOf({
  mediaType: ANYTHING,
  digest: ANYTHING,
  size: 'integer',
  urls: ANYTHING,
  annotations: ANYTHING,
  data: ANYTHING,
  artifactType: ANYTHING,
  platform: PLATFORM,
});

/** The fields of an image and of an index together. */
const MANIFEST = shapeOf({
  schemaVersion: 'integer',
  mediaType: ANYTHING,
  artifactType: ANYTHING,
  config: DESCRIPTOR,
  layers: DESCRIPTOR,
  manifests: DESCRIPTOR,
  subject: DESCRIPTOR,
  annotations: ANYTHING,
});

function shapeOf(fields: Readonly<Record<string, Field>>): Shape {
  return { fields, names: new Map(Object.keys(fields).map((name) => [folded(name), name])) };
}

/** Compares as Go's encoding/json, for which U+212A is a k and U+017F an s. toLowerCase converts only the first. */
function folded(name: string): string {
  return name.toLowerCase().replaceAll('\u017f', 's');
}

/** The limit of Go's encoding/json. */
const MAX_DEPTH = 10_000;
/** The longest spelling of a name of the specification: each letter escaped, in quotes. */
const MAX_NAME_BYTES = 6 * 'schemaVersion'.length + 2;

const [QUOTE, COMMA, DOT, COLON, BACKSLASH] = [0x22, 0x2c, 0x2e, 0x3a, 0x5c];
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];
const [UPPER_E, LOWER_E] = [0x45, 0x65];

const UTF_8 = new TextDecoder();

/** An object or a list whose end has not been read yet. */
interface Container {
  readonly isObject: boolean;
  readonly shape: Shape | undefined;
  readonly place: string;
  readonly seen: Set<string>;
  /** Whether the next string is a field name. */
  isBeforeName: boolean;
  /** The current field or element. */
  at: string | number;
}

/**
 * Checks a manifest that was parsed and has the right types. Reads each byte once.
 *
 * @throws {Failure} manifest-invalid
 */
export function checkSpelling(json: Uint8Array): void {
  const stack: Container[] = [];
  let field: Field | undefined = MANIFEST;
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at];
    const top = stack.at(-1);
    if (byte === QUOTE) {
      const end = endOfString(json, at);
      if (top!.isBeforeName) field = top!.shape && fieldOf(top!, top!.shape, json.subarray(at, end + 1));
      at = end;
    } else if (byte === COLON) top!.isBeforeName = false;
    else if (byte === COMMA) {
      if (top!.isObject) top!.isBeforeName = true;
      else {
        field = top!.shape;
        (top!.at as number) += 1;
      }
    } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      if (stack.length === MAX_DEPTH)
        throw invalid(`the manifest is nested more than ${MAX_DEPTH} levels deep, which clients can't read`);
      const shape: Shape | undefined = typeof field === 'object' ? field : undefined;
      const isObject = byte === OPEN_OBJECT;
      const place = top === undefined || shape === undefined ? '' : placeIn(top);
      stack.push({ isObject, shape, place, seen: new Set(), isBeforeName: isObject, at: 0 });
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) stack.pop();
    else if (field === 'integer' && (byte === DOT || byte === LOWER_E || byte === UPPER_E))
      throw invalid(`${placeIn(top!)}: must be an integer without a fraction or an exponent`);
  }
}

/** @param name - as written, with its quotes */
function fieldOf(object: Container, { fields, names }: Shape, name: Uint8Array): Field | undefined {
  if (name.length > MAX_NAME_BYTES) return undefined;
  const text = JSON.parse(UTF_8.decode(name)) as string;
  const known = names.get(folded(text));
  if (known === undefined) return undefined;
  object.at = known;
  if (text !== known) throw invalid(`${placeIn(object)}: is written ${excerpt(text)}; some clients read both names as one field`);
  if (object.seen.has(known)) throw invalid(`${placeIn(object)}: is present twice`);
  object.seen.add(known);
  return fields[known];
}

function placeIn({ place, at }: Container): string {
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
