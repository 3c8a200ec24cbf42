/** Manifests as clients write them, and invalid ones. */
import fc from 'fast-check';
import { bytesOf, digestOf } from '../support/api-client.ts';
import { CONFIG, IMAGE, LAYER } from './bodies.ts';
import { rightDigest } from './texts.ts';

export interface WrittenManifest {
  readonly bytes: Uint8Array;
  readonly contentType: string | undefined;
  /** Whether no header has its length. */
  readonly isStreamed: boolean;
}

type Json = Record<string, unknown>;

const OCI = 'application/vnd.oci.image';
const DOCKER = 'application/vnd.docker.distribution.manifest';

const descriptorOf = (digests: fc.Arbitrary<string>) =>
  fc.record(
    {
      mediaType: fc.constantFrom(`${OCI}.config.v1+json`, `${OCI}.layer.v1.tar+gzip`, ''),
      digest: digests,
      size: fc.constantFrom(0, 2, 10, Number.MAX_SAFE_INTEGER),
      urls: fc.constantFrom([], ['https://example.com/layer'], null),
      annotations: fc.constant({ title: 'x' }),
    },
    { requiredKeys: ['mediaType', 'digest', 'size'] },
  );

const ofBlobs = descriptorOf(fc.constantFrom(CONFIG.digests.sha256, LAYER.digests.sha256));
const ofManifests = descriptorOf(fc.constantFrom(IMAGE.digests.sha256, LAYER.digests.sha256));
const ofAnything = descriptorOf(rightDigest);
const mostlyHere = (here: typeof ofBlobs) => fc.oneof({ arbitrary: here, weight: 9 }, { arbitrary: ofAnything, weight: 1 });

const annotations = fc.dictionary(
  fc.string({ maxLength: 5 }),
  fc.oneof(fc.string({ unit: 'binary' }), fc.constant('x'.repeat(900))),
  {
    maxKeys: 3,
  },
);
const common = {
  subject: fc.option(ofAnything),
  artifactType: fc.constantFrom('application/vnd.example', '', null),
  annotations: fc.option(annotations),
};

type Fields = Record<string, fc.Arbitrary<unknown>>;

/** A manifest of one of these types; its own field says so, or only the Content-Type. */
function manifest(types: readonly string[], required: Fields, optional: Fields) {
  const fields: Fields = { mediaType: fc.constantFrom(...types), ...required, ...common, ...optional };
  const json = fc.record(fields, { requiredKeys: Object.keys(required) }).map((each): Json => ({ schemaVersion: 2, ...each }));
  return fc
    .tuple(json, fc.constantFrom(...types))
    .map(([json, type]) => ({ json, type: (json['mediaType'] as string | undefined) ?? type }));
}

const distinctLayers = fc
  .constantFrom(898, 899, 900)
  .map((count) =>
    Array.from({ length: count }, (_, index) => ({ mediaType: 'x', digest: digestOf(bytesOf(`${index}`)), size: 1 })),
  );
const layers = fc.oneof(
  { arbitrary: fc.array(mostlyHere(ofBlobs), { maxLength: 4 }), weight: 30 },
  { arbitrary: fc.constant(null), weight: 3 },
  {
    arbitrary: distinctLayers,
    weight: 1,
  },
);

const rightManifest = fc.oneof(
  manifest([`${OCI}.manifest.v1+json`, `${DOCKER}.v2+json`], { config: mostlyHere(ofBlobs) }, { layers }),
  manifest(
    [`${OCI}.index.v1+json`, `${DOCKER}.list.v2+json`],
    { manifests: fc.array(mostlyHere(ofManifests), { maxLength: 3 }) },
    {},
  ),
);

/** A change at one place in the JSON. */
type Change = (json: Json) => void;

/** Every place in the JSON, the outermost first. */
function placesIn(value: unknown): [parent: Json, key: string][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.keys(value).flatMap((key) => [[value as Json, key], ...placesIn((value as Json)[key])] as [Json, string][]);
}

const FIELDS = [
  'schemaVersion',
  'mediaType',
  'config',
  'layers',
  'manifests',
  'subject',
  'digest',
  'size',
  'urls',
  'artifactType',
  'annotations',
];
const oddValue = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom(
    -1,
    1.5,
    2 ** 53,
    -0,
    '',
    '2',
    '\0',
    [],
    {},
    [[]],
    [null],
    { 0: 'x' },
    null,
    true,
    'sha256:',
    CONFIG.digests.sha256.toUpperCase(),
  ),
);

const change: fc.Arbitrary<Change> = fc
  .record({ place: fc.nat(), kind: fc.nat(4), value: oddValue, field: fc.oneof(fc.constantFrom(...FIELDS), fc.string()) })
  .map(({ place, kind, value: shared, field }) => (json) => {
    // A copy: other changes may get the same object, and one of them could put it into itself.
    const value: unknown = structuredClone(shared);
    const places = placesIn(json);
    const [parent, key] = places[place % Math.max(1, places.length)] ?? [json, ''];
    if (kind === 0) delete parent[key];
    else if (kind === 1) parent[key] = value;
    else if (kind === 2) parent[key] = [parent[key], parent[key]];
    else if (kind === 3 && Array.isArray(parent[key])) parent[key] = Array.from({ length: 500 }, () => parent[key]).flat();
    // Not by assignment: that treats __proto__ in a special way.
    else Object.defineProperty(parent, field, { value, enumerable: true, configurable: true, writable: true });
  });

const MAX_BYTES = 4 * 1024 * 1024;
const padded = (text: string, size: number) => text + ' '.repeat(Math.max(0, size - bytesOf(text).length));

/** Ways to write the same JSON, and ways that make it invalid. */
const WRITERS: readonly ((text: string) => string | Uint8Array)[] = [
  (text) => JSON.stringify(JSON.parse(text), undefined, 3),
  (text) => `\n\t ${text} \r\n`,
  (text) => text.replace('{', '{"schemaVersion":1,'),
  (text) => text.replace('{', '{"__proto__":{"config":{},"mediaType":"x"},"constructor":null,'),
  (text) => text.replace('{', `{"deep":${'['.repeat(50_000)}${']'.repeat(50_000)},`),
  (text) => text.replace('{', `{"deep":${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)},`),
  (text) => text.replace('{', `{"deep":${'['.repeat(3000)}${']'.repeat(3000)},`),
  (text) => text.replace('"digest"', '"Digest"'),
  (text) => text.replace('"digest"', '"di\\u0067est"'),
  (text) => text.replaceAll('"size":', '"\u017fize":1,"size":'),
  (text) => text.replaceAll('"size":2', '"size":2,"platform":{"os":"a","OS":"b"}'),
  (text) => text.replace('"size":2', '"size":2,"annotations":{"size":"1","Size":"2","size":"3"}'),
  (text) => text.replace('{', '{"x":{"config":1.0,"Config":2},"x":3,"X":[{"size":9.0}],'),
  (text) => text.replace(/("\w+":(?:"[^"]*"|\d+))/, '$1,$1'),
  (text) => text.replaceAll('"size":2', '"size":2.0'),
  (text) => text.replace('"size":2', '"size":2e0').replace('"size":10', '"size":1e400'),
  (text) => text.replace(/[a-z]/, (letter) => `\\u00${letter.charCodeAt(0).toString(16)}`),
  (text) => `[${text}]`,
  (text) => `${text}${text}`,
  (text) => text.slice(0, -1),
  (text) => `\ufeff${text}`,
  (text) => `${text}\0`,
  (text) => Buffer.from(text, 'utf16le'),
  (text) => Buffer.concat([bytesOf(text.slice(0, -1)), Buffer.from([0xff, 0x7d])]),
  (text) => Buffer.from(text.replace('{', '{"\u00e9":1,'), 'latin1'),
  () => '',
  (text) => padded(text, MAX_BYTES),
  (text) => padded(text, MAX_BYTES + 1),
];
const writer = fc.oneof({ arbitrary: fc.constant((text: string) => text), weight: 5 }, fc.constantFrom(...WRITERS));

const contentTypeOf = (right: string) => (kind: number) =>
  [
    right,
    right,
    right,
    undefined,
    `${right.toUpperCase()}; charset=utf-8`,
    `${OCI}.manifest.v1+json`,
    `${OCI}.index.v1+json`,
    'text/plain',
  ][kind];

export const writtenManifest: fc.Arbitrary<WrittenManifest> = fc
  .record({
    manifest: rightManifest,
    changes: fc.array(change, { maxLength: 2 }),
    write: writer,
    contentType: fc.nat(7),
    isStreamed: fc.boolean(),
  })
  .map(({ manifest: { json, type }, changes, write, contentType, isStreamed }) => {
    const changed = structuredClone(json);
    for (const each of changes) each(changed);
    const bytes = bytesOf(write(JSON.stringify(changed)));
    const told = () =>
      `${contentTypeOf(type)(contentType)}: ${Buffer.from(bytes.subarray(0, 2000)).toString('latin1')} (${bytes.length} bytes)`;
    return { bytes, contentType: contentTypeOf(type)(contentType), isStreamed, [fc.toStringMethod]: told };
  });
