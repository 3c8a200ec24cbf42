/** The cost of parsing a manifest, and the blobs and manifests that it names. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { hasMoreValues } from '../../src/domain/json-values.ts';
import { parseManifest } from '../../src/domain/manifest.ts';
import { bytesOf, digestOf, OCI_IMAGE, OCI_INDEX } from '../support/api-client.ts';
import { hostileManifests } from '../support/hostile-manifests.ts';
import { memoryRegistry } from '../support/memory-registry.ts';

const MAX_VALUES = 50_000;
const [CONFIG, LAYER] = [digestOf(bytesOf('{}')), digestOf(bytesOf('layer'))];
const descriptor = (digest: string, more: object = {}) => ({ mediaType: 'x', digest, size: 2, ...more });
const RIGHT = descriptor(LAYER);
const image = (more: object) => ({ schemaVersion: 2, config: descriptor(CONFIG), ...more });
const parse = (json: object, type = OCI_IMAGE) => parseManifest(bytesOf(JSON.stringify(json)), type);

afterEach(() => vi.restoreAllMocks());

describe('the cost of a manifest', () => {
  test.each([
    ['with any number of values', Infinity],
    ['with the highest number of values', MAX_VALUES],
  ])('4 MiB %s are accepted or refused, and the answer is short', { timeout: 120_000 }, async (_, maxValues) => {
    const { client } = memoryRegistry();
    await client.push('a', bytesOf('{}'));
    for (const { name, contentType, bytes } of hostileManifests(maxValues)) {
      const response = await client.putManifest('a', 'x', bytes, contentType);
      const answer = await response.text();
      expect(answer.length, name).toBeLessThan(1000);
      const code = answer && (JSON.parse(answer) as { errors: [{ code: string }] }).errors[0].code;
      expect(['201 ', '400 MANIFEST_INVALID', '404 MANIFEST_BLOB_UNKNOWN'], name).toContain(`${response.status} ${code}`);
    }
  });

  test('JSON with too many values is refused before it is parsed', () => {
    const parsing = vi.spyOn(JSON, 'parse');
    const manifestOf = (count: number) => bytesOf(`{"manifests":[${Array.from({ length: count }, () => '{}').join(',')}]}`);
    expect(() => parseManifest(manifestOf(MAX_VALUES / 2), OCI_INDEX)).toThrow('at most 50000 are accepted');
    expect(parsing).not.toHaveBeenCalled();
    expect(() => parseManifest(manifestOf(MAX_VALUES / 2 - 1), OCI_INDEX)).toThrow('schemaVersion: must be 2');
  });

  test.each([
    ['{"a":1,"b":[2,3]}', 4],
    ['["a,b","c\\",[{","\\\\",{}]', 5],
    ['["\\",",{}]', 3],
    ['{}', 1],
    ['"[,{"', 0],
    ['[[[', 3],
  ])('%s has %i values', (json, values) => {
    expect(hasMoreValues(bytesOf(json), values)).toBe(false);
    expect(hasMoreValues(bytesOf(json), values - 1)).toBe(true);
  });

  /** A list, or a record, that counts how many of its elements are read. */
  const counted = <T extends object>(target: T) => {
    const read = new Set<string | symbol>();
    const get = (from: T, key: string | symbol) => {
      if (Object.hasOwn(from, key) && key !== 'length') read.add(key);
      return Reflect.get(from, key) as unknown;
    };
    return { proxy: new Proxy(target, { get }), read };
  };

  const threeOf = (right: unknown, wrong: unknown) => [right, right, right, ...Array.from({ length: 1000 }, () => wrong)];

  test.each([
    ['layers', threeOf(RIGHT, {}), (layers: object) => image({ layers }), 'layers.3.mediaType: must be a string'],
    ['manifests', threeOf(RIGHT, 1), (manifests: object) => ({ schemaVersion: 2, manifests }), 'manifests.3: must be an object'],
    [
      'urls',
      threeOf('x', 1),
      (urls: object) => image({ layers: [RIGHT, descriptor(LAYER, { urls })] }),
      'layers.1.urls.3: must be a string',
    ],
    [
      'annotations',
      { a: '', b: '', c: '', d: 1, e: 1, f: 1 },
      (annotations: object) => image({ annotations }),
      'annotations.d: must be a string',
    ],
  ])('parsing %s stops at the first mistake', (_, elements: object, manifestOf, message) => {
    const { proxy, read } = counted(elements);
    vi.spyOn(JSON, 'parse').mockReturnValue(manifestOf(proxy));
    const isIndex = 'manifests' in manifestOf(proxy);
    expect(() => parseManifest(bytesOf('{}'), isIndex ? OCI_INDEX : OCI_IMAGE)).toThrow(message);
    expect(read.size).toBeLessThanOrEqual(4);
  });

  test('a message names the place of the mistake, and quotes only the start of a long text', () => {
    const long = 'x'.repeat(10_000);
    expect(() => parse({ schemaVersion: 2, manifests: [RIGHT, descriptor('sha256:1')] }, OCI_INDEX)).toThrow(
      /^manifests\.1\.digest: must be a sha256 or sha512 digest$/,
    );
    for (const [json, type] of [
      [image({ annotations: { [long]: 1 } }), OCI_IMAGE],
      [image({ mediaType: long }), OCI_IMAGE],
      [image({}), long],
    ] as const)
      expect(() => parse(json, type)).toThrow(/x{200}\.\.\..{0,100}$/);
  });
});

describe('the references of a manifest', () => {
  const layers = (...all: readonly object[]) => parse(image({ layers: all })).references;
  const foreign = descriptor(LAYER, { urls: ['https://example.com/layer'] });

  test('include layers with urls, which are not required', () => {
    expect(layers(foreign)).toEqual([
      { digest: CONFIG, kind: 'blob', isManifest: false, isRequired: true },
      { digest: LAYER, kind: 'blob', isManifest: false, isRequired: false },
    ]);
  });

  test('name a layer once that is there with and without urls, and require it', () => {
    for (const both of [
      [foreign, RIGHT],
      [RIGHT, foreign],
    ])
      expect(layers(...both).slice(1)).toEqual([{ digest: LAYER, kind: 'blob', isManifest: false, isRequired: true }]);
    expect(layers(descriptor(CONFIG, { urls: ['x'] }))).toEqual([
      { digest: CONFIG, kind: 'blob', isManifest: false, isRequired: true },
    ]);
  });

  test.each([
    ['a config with urls', image({ config: descriptor(LAYER, { urls: ['x'] }) }), OCI_IMAGE],
    ['a layer with an empty list of urls', image({ layers: [descriptor(LAYER, { urls: [] })] }), OCI_IMAGE],
    ['a layer that carries its data', image({ layers: [descriptor(LAYER, { data: 'bGF5ZXI=' })] }), OCI_IMAGE],
    ['a child with urls', { schemaVersion: 2, manifests: [descriptor(LAYER, { urls: ['x'] })] }, OCI_INDEX],
  ])('require %s', (_, json, type) => {
    expect(parse(json, type).references.find(({ digest }) => digest === LAYER)).toMatchObject({ isRequired: true });
  });

  test('do not include the subject', () => {
    expect(parse(image({ subject: RIGHT }))).toMatchObject({ subject: LAYER, references: [{ digest: CONFIG }] });
  });

  test('count layers with urls too', () => {
    const many = Array.from({ length: 900 }, (_, n) => descriptor(digestOf(bytesOf(`${n}`)), { urls: ['x'] }));
    expect(() => layers(...many)).toThrow('names 901 blobs and manifests: at most 900 are accepted');
    expect(layers(...many.slice(1))).toHaveLength(900);
  });
});
