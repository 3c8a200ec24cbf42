/** Manifests that clients in Go would read differently from this registry, and null for absent fields. */
import { describe, expect, test } from 'vitest';
import { parseManifest, parseStoredManifest } from '../../src/domain/manifest.ts';
import { bytesOf, digestOf, OCI_IMAGE, OCI_INDEX } from '../support/api-client.ts';

const D = digestOf(bytesOf('{}'));
const descriptor = (more = '') => `{"mediaType":"x","digest":"${D}","size":2${more}}`;
const image = (more = '') => `{"schemaVersion":2,"config":${descriptor()},"layers":[${descriptor()},${descriptor()}]${more}}`;
const index = (more = '') => `{"schemaVersion":2,"manifests":[${descriptor()}]${more}}`;
const parse = (text: string, type = OCI_IMAGE) => parseManifest(bytesOf(text), type);

describe('null means an absent field', () => {
  test.each([
    ['of an image', image(',"mediaType":null,"subject":null,"artifactType":null,"annotations":null,"manifests":null'), OCI_IMAGE],
    ['of an index', index(',"mediaType":null,"subject":null,"artifactType":null,"config":null,"layers":null'), OCI_INDEX],
    ['of layers', image().replace(/"layers":.*]/, '"layers":null'), OCI_IMAGE],
    [
      'of all descriptors',
      image(`,"subject":${descriptor()}`).replaceAll('"size":2', '"size":2,"urls":null,"data":null'),
      OCI_IMAGE,
    ],
    [
      'of descriptors',
      index().replaceAll('"size":2', '"size":2,"annotations":null,"platform":null,"artifactType":null'),
      OCI_INDEX,
    ],
  ])('%s', (_, text, type) => {
    const without = text.replaceAll(/,"\w+":null/g, '');
    expect(parse(text, type)).toEqual(parse(without, type));
  });

  test('null for the manifests of an index is an empty list', () => {
    const none = (list: string) => parse(index().replace(/"manifests":.*]/, `"manifests":${list}`), OCI_INDEX);
    expect(none('null')).toEqual(none('[]'));
  });

  test('null for a required field is refused', () => {
    for (const [text, message] of [
      [image().replace(/"config":{.*?}/, '"config":null'), 'config: must be an object'],
      [image().replace('"schemaVersion":2', '"schemaVersion":null'), 'schemaVersion: must be 2'],
      [image().replace('"size":2', '"size":null'), 'config.size: must be a whole number'],
      [image().replace(`"digest":"${D}"`, '"digest":null'), 'config.digest: must be a string'],
      [image().replace('"mediaType":"x"', '"mediaType":null'), 'config.mediaType: must be a string'],
    ] as const)
      expect(() => parse(text), text).toThrow(message);
    expect(() => parseManifest(bytesOf(image(',"mediaType":null')), undefined)).toThrow('the manifest has no media type');
  });
});

describe('a number that Go does not read as an integer is refused', () => {
  test.each(['2.0', '2e0', '2E0', '0.2e1', '20e-1', '-1', '9223372036854775808', '1e400', '"2"', 'true'])('size %s', (size) => {
    expect(() => parse(image().replace('"size":2', `"size": ${size} `))).toThrow(/^config\.size: /);
    expect(() => parse(index().replace('"size":2', `"size":${size}`), OCI_INDEX)).toThrow(/^manifests\.0\.size: /);
  });

  test.each(['2.0', '2e0', '0.2E1'])('schemaVersion %s', (version) => {
    expect(() => parse(image().replace('"schemaVersion":2', `"schemaVersion":${version}`))).toThrow(/^schemaVersion: /);
  });

  test('other numbers are accepted', () => {
    for (const size of ['0', '-0', '9007199254740991']) parse(image().replace('"size":2', `"size":${size}`));
    parse(image(',"x":1.5e3,"annotations":{"size":"9.0"},"y":{"size":9.0},"z":[{"size":1e1}]'));
    parse(image().replace('"size":2', '"size":2,"annotations":{"e":"1.0"},"x":1.0'));
  });
});

describe('a field that could be read in two ways is refused', () => {
  const twice = (name: string) => `${name}: is present twice`;
  test.each([
    ['a name twice', image(',"config":{}').replace('"config":{}', `"config":${descriptor()}`), twice('config')],
    [
      'a name twice, not in a row',
      `{"schemaVersion":2,"config":${descriptor()},"x":1,"schemaVersion":2}`,
      twice('schemaVersion'),
    ],
    ['a name twice, once escaped', image(',"artifactType":"a","\\u0061rtifactType":"a"'), twice('artifactType')],
    ['a list of annotations twice', image(',"annotations":{},"annotations":{}'), twice('annotations')],
    ['a digest twice', image().replace(/.$/, `,"subject":${descriptor(`,"digest":"${D}"`)}}`), twice('subject.digest')],
    ['a size of the second layer twice', image().replace(/2}]/, '2,"size":2}]'), twice('layers.1.size')],
    ['a system twice', image(`,"subject":${descriptor(',"platform":{"os":"a","os":"b"}')}`), twice('subject.platform.os')],
    ['another case beside it', image(',"Config":{}'), 'config: is written Config'],
    ['another case alone', image(',"ArtifactType":"a"'), 'artifactType: is written ArtifactType'],
    ['another case, escaped', image(',"\\u0041rtifactType":"a"'), 'artifactType: is written ArtifactType'],
    ['manifests in another case', image(',"MANIFESTS":[]'), 'manifests: is written MANIFESTS'],
    ['a long s', image().replace(/.$/, `,"ſubject":${descriptor()}}`), 'subject: is written ſubject'],
    ['a long s, escaped', image(`,"annotation\\u017f":{}`), 'annotations: is written annotationſ'],
    ['urls in another case', image().replace('"size":2', '"size":2,"URLs":[]'), 'config.urls: is written URLs'],
    ['a size in another case', image().replace('"size":2', '"size":2,"\\u017fi\\u007ae":3'), 'config.size: is written ſize'],
    [
      'a system in another case',
      image(`,"subject":${descriptor(',"platform":{"OS.Version":""}')}`),
      'subject.platform.os.version',
    ],
  ])('%s', (_, text, message) => {
    expect(() => parse(text)).toThrow(message);
    expect(() => parseStoredManifest(bytesOf(text), OCI_IMAGE)).not.toThrow();
  });

  test('of an index as of an image', () => {
    expect(() => parse(index(',"Layers":[]'), OCI_INDEX)).toThrow('layers: is written Layers');
    expect(() => parse(index().replace('"size":2', '"size":2,"Size":3'), OCI_INDEX)).toThrow('manifests.0.size: is written Size');
    expect(() => parse(`${index().slice(0, -1)},"manifests":[]}`, OCI_INDEX)).toThrow(twice('manifests'));
  });

  test('annotations and unknown fields may have any names', () => {
    const free = [
      ',"annotations":{"size":"a","Size":"b","size":"c","config":"d","\\u0073ize":"e"}',
      ',"x":1,"x":2,"X":3,"digest":1,"Digest":2,"digest":3,"size":9.0,"urls":[],"os":1,"OS":2',
      `,"x":{"config":1,"Config":2,"config":3,"mediaType":1,"MEDIATYPE":2}`,
      `,"y":[{"size":1.0,"size":2,"Size":3}],"é":1,"É":2,"\\ud800":1,"":1,"":2`,
      `,"${'c'.repeat(100)}":1,"config\\u0000":1,"confıg":1,"conf\\u0130g":1,"conﬁg":1`,
    ];
    for (const more of free) expect(() => parse(image(more)), more).not.toThrow();
    const inDescriptors =
      ',"annotations":{"size":"1","Size":"2","size":"3"},"config":1,"Config":2,"platform":{"size":1,"Size":2.0}';
    expect(() => parse(image().replaceAll('"size":2', `"size":2${inDescriptors}`))).not.toThrow();
    const escaped = image()
      .replace('schema', '\\u0073chema')
      .replace('config', 'confi\\u0067')
      .replaceAll('media', 'medi\\u0061');
    expect(() => parse(escaped)).not.toThrow();
  });

  test('a name is compared also where each of its letters is escaped', () => {
    const escaped = Array.from('SchemaVersion', (letter) => `\\u00${letter.charCodeAt(0).toString(16)}`).join('');
    expect(() => parse(image(`,"${escaped}":2`))).toThrow('schemaVersion: is written SchemaVersion');
  });

  test('with the kind manifest-invalid', () => {
    const failure = { name: 'Failure', kind: 'manifest-invalid', message: expect.stringContaining('config: is written Config') };
    expect(() => parse(image(',"Config":{}'))).toThrow(expect.objectContaining(failure));
  });

  test('a value may be like a name', () => {
    expect(() => parse(image(',"artifactType":"Config","annotations":{"a":"Config"},"x":["Config"]'))).not.toThrow();
  });

  test('a quote after a backslash does not end a string, and a quote after two does', () => {
    expect(() => parse(image(',"artifactType":"\\",\\"Config\\":\\""'))).not.toThrow();
    expect(() => parse(image(',"artifactType":"a\\\\","Config":{}'))).toThrow('config: is written Config');
  });

  test('names in strings, and escapes at the end of strings, are text', () => {
    const text = image(',"annotations":{"a":"\\\\","b":"\\"config\\":{\\"size\\":1.0","c":",\\"Config\\":1,{["}');
    expect(() => parse(text)).not.toThrow();
  });
});

describe('nesting', () => {
  const nested = (open: string, close: string, depth: number) => image(`,"x":${open.repeat(depth)}1${close.repeat(depth)}`);

  test.each([
    ['lists', '[', ']'],
    ['objects', '{"a":', '}'],
  ])('of %s is read as deep as Go reads, and is refused below that', (_, open, close) => {
    expect(() => parse(nested(open, close, 9_999))).not.toThrow();
    expect(() => parse(nested(open, close, 10_000))).toThrow('nested more than 10000 levels deep');
    expect(() => parse(nested(open, close, 49_000))).toThrow('nested more than 10000 levels deep');
    expect(() => parse(nested(open, close, 200_000))).toThrow('at most 50000 are accepted');
    expect(() => parseStoredManifest(bytesOf(nested(open, close, 49_000)), OCI_IMAGE)).not.toThrow();
  });
});
