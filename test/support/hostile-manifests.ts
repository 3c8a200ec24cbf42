/** Manifests of 4 MiB that are expensive to read: with an error in each element, or valid and huge. */
import { bytesOf, digestOf, OCI_IMAGE, OCI_INDEX } from './api-client.ts';

export interface HostileManifest {
  readonly name: string;
  /** Empty where there is none. */
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

const MAX_BYTES = 4 * 1024 * 1024;

const DESCRIPTOR_START = `{"mediaType":"x","digest":"${digestOf(bytesOf('{}'))}","size":2`;
const DESCRIPTOR = `${DESCRIPTOR_START}}`;
const INDEX = '{"schemaVersion":2,';
const IMAGE = `${INDEX}"config":${DESCRIPTOR},`;
const SUBJECT = `"subject":${DESCRIPTOR},`;
const layerOf = (digest: string, more = '') => `{"mediaType":"x","digest":"${digest}","size":2${more}}`;
const otherDigest = (n: number) => `sha256:${n.toString(16).padStart(64, '0')}`;
/** A number that is rounded in the slowest way. */
const HARD_NUMBER = `2.2250738585072011${'1'.repeat(750)}e-308`;

/** The beginning, an element that is repeated, and the end. */
type Repeated = readonly [start: string, element: string | ((n: number) => string), end: string, separator?: ',' | ''];

/** @param key - returns a different key for each number, all of one length */
const images = (key: (n: number) => string): Record<string, Repeated> => ({
  'layers of {}': [`${IMAGE}"layers":[`, '{}', ']}'],
  'layers of null': [`${IMAGE}"layers":[`, 'null', ']}'],
  'layers with a wrong digest': [`${IMAGE}"layers":[`, layerOf('sha256:1'), ']}'],
  'layers that are one and the same': [`${IMAGE}"layers":[`, DESCRIPTOR, ']}'],
  'layers that all differ': [`${IMAGE}"layers":[`, (n) => layerOf(otherDigest(n)), ']}'],
  'foreign layers that all differ': [`${IMAGE}"layers":[`, (n) => layerOf(otherDigest(n), ',"urls":[""]'), ']}'],
  'layers with annotations': [`${IMAGE}"layers":[`, (n) => `${DESCRIPTOR_START},"annotations":{"${key(n)}":1}}`, ']}'],
  'layers that are in each other': [`${IMAGE}"layers":`, '[', '', ''],
  'urls of numbers': [`${IMAGE}"layers":[${DESCRIPTOR_START},"urls":[`, '1', ']}]}'],
  'urls without end': [`${IMAGE}"layers":[${DESCRIPTOR_START},"urls":[`, '""', ']}]}'],
  'urls of the config': [`${INDEX}"layers":[],"config":${DESCRIPTOR_START},"urls":[`, '""', ']}}'],
  'urls of the subject': [`${IMAGE}"subject":${DESCRIPTOR_START},"urls":[`, '""', ']}}'],
  'annotations of numbers': [`${IMAGE}"annotations":{`, (n) => `"${key(n)}":1`, '}}'],
  'annotations of which the last is wrong': [`${IMAGE}"annotations":{`, (n) => `"${key(n)}":""`, ',"z":1}}'],
  'annotations without end': [`${IMAGE}"annotations":{`, (n) => `"${key(n)}":""`, '}}'],
  'annotations without end, of a referrer': [`${IMAGE}${SUBJECT}"annotations":{`, (n) => `"${key(n)}":""`, '}}'],
  'one annotation, of a referrer': [`${IMAGE}${SUBJECT}"annotations":{"a":"`, 'x', '"}}', ''],
  'one annotation of escapes, of a referrer': [`${IMAGE}${SUBJECT}"annotations":{"a":"`, '\\u0001', '"}}', ''],
  'one annotation that is a number': [`${IMAGE}"annotations":{"`, 'x', '":1}}', ''],
  'annotations called __proto__': [`${IMAGE}"annotations":{`, '"__proto__":{"a":1}', '}}'],
  'a media type': ['{"mediaType":"', 'x', '"}', ''],
  'an artifact type, of a referrer': [`${IMAGE}${SUBJECT}"artifactType":"`, 'x', '"}', ''],
  'an artifact type in a list': [`${IMAGE}"artifactType":["`, 'x', '"]}', ''],
  "a config's media type, of a referrer": [
    `${INDEX}${SUBJECT}"config":{"size":2,"digest":"${otherDigest(0)}","mediaType":"`,
    'x',
    '"}}',
    '',
  ],
  'a digest': [`${INDEX}"config":{"mediaType":"x","size":2,"digest":"sha256:`, 'a', '"}}', ''],
  'a size': [`${INDEX}"config":{"mediaType":"x","digest":"${otherDigest(0)}","size":`, '1', '}}', ''],
  'numbers that are hard to round': [`${IMAGE}"x":[`, HARD_NUMBER, ']}'],
  'arrays that are not closed': ['', '[', '', ''],
  'objects that are not closed': [IMAGE, (n) => `"${key(n)}":{`, '', ''],
  'fields that all differ': [IMAGE, (n) => `"${key(n)}":1`, '}'],
  'fields that are numbers': [IMAGE, (n) => `"${n}":1`, '}'],
  'fields that are distant numbers': [IMAGE, (n) => `"${(n * 7919 * 64) % 4294967295}":1`, '}'],
  'strings that are numbers with one hash': [`${IMAGE}"x":[`, (n) => `"${(n * 4096) % 16777216}"`, ']}'],
  'strings that all differ': [`${IMAGE}"x":[`, (n) => `"${key(n)}"`, ']}'],
  'objects that all have another field': [`${IMAGE}"x":[`, (n) => `{"${key(n)}":1}`, ']}'],
  'objects that all have two other fields': [`${IMAGE}"x":[`, (n) => `{"a${key(n)}":1,"b${key(n)}":1}`, ']}'],
  'one field again and again': [IMAGE, '"layers":[]', '}'],
  'objects that nobody reads': [`${IMAGE}"x":[`, '{}', ']}'],
  blanks: [IMAGE.slice(0, -1), ' ', '}', ''],
  'no JSON at its end': [`${IMAGE}"x":[`, '{}', '}'],
});

const indexes = (key: (n: number) => string): Record<string, Repeated> => ({
  'manifests of {}': [`${INDEX}"manifests":[`, '{}', ']}'],
  'manifests of {} alone': ['{"manifests":[', '{}', ']}'],
  'manifests of numbers': [`${INDEX}"manifests":[`, '1', ']}'],
  'manifests of []': [`${INDEX}"manifests":[`, '[]', ']}'],
  'manifests that all differ': [`${INDEX}"manifests":[`, (n) => layerOf(otherDigest(n)), ']}'],
  'manifests that are no list': [`${INDEX}"manifests":{`, (n) => `"${key(n)}":1`, '}}'],
  'annotations of a referring index': [`${INDEX}"manifests":[],${SUBJECT}"annotations":{`, (n) => `"${key(n)}":""`, '}}'],
});

/** JSON that is nested too deeply for a list of repeated elements. */
const nested = (start: string, open: string, close: string, end: string, maxValues: number): Uint8Array => {
  const depth = Math.min(maxValues, Math.floor((MAX_BYTES - start.length - end.length - 1) / (open.length + close.length)));
  return bytesOf(`${start}${open.repeat(depth)}1${close.repeat(depth)}${end}`);
};

/** @param maxValues - the most commas and brackets of each manifest */
export function* hostileManifests(maxValues = Infinity): Generator<HostileManifest> {
  // With fewer values, longer keys fill the 4 MiB.
  const keyLength = maxValues === Infinity ? 5 : 75;
  const key = (n: number) => n.toString(36).padStart(keyLength, '0');
  const kinds = [
    [OCI_IMAGE, images(key)],
    [OCI_INDEX, indexes(key)],
    ['', { 'a media type, without Content-Type': images(key)['a media type']! }],
  ] as const;
  for (const [contentType, all] of kinds)
    for (const [name, repeated] of Object.entries(all)) yield { name, contentType, bytes: filled(repeated, maxValues) };
  const image = (name: string, bytes: Uint8Array) => ({ name, contentType: OCI_IMAGE, bytes });
  yield image('arrays in each other', nested(`${IMAGE}"x":`, '[', ']', '}', maxValues - 10));
  yield image('objects in each other', nested(`${IMAGE}"x":`, '{"a":', '}', '}', maxValues - 10));
  yield image(
    'no UTF-8 at its end',
    Buffer.concat([bytesOf(`${IMAGE}"x":"${'x'.repeat(MAX_BYTES - 500)}`), Buffer.from([0xff])]),
  );
}

/** Repeats the element as often as it fits. */
function filled([start, element, end, separator = ',']: Repeated, maxValues: number): Uint8Array {
  const elements: string[] = [];
  let length = start.length + end.length;
  let values = valuesIn(start + end);
  for (let n = 0; ; n += 1) {
    const next = typeof element === 'string' ? element : element(n);
    length += next.length + separator.length;
    if (maxValues < Infinity) values += valuesIn(next + separator);
    if (length > MAX_BYTES || values > maxValues) return bytesOf(start + elements.join(separator) + end);
    elements.push(next);
  }
}

function valuesIn(text: string): number {
  return text.replace(/[^,[{]/g, '').length;
}
