/** The messages for refused manifests. */
import { expect, test } from 'vitest';
import { MAX_MANIFEST_BYTES, parseManifest } from '../../src/domain/manifest.ts';
import { bytesOf, digestOf, OCI_IMAGE, OCI_INDEX } from '../support/api-client.ts';

const DIGEST = digestOf(bytesOf('{}'));
const descriptor = (more: object = {}) => ({ mediaType: 'x', digest: DIGEST, size: 2, ...more });
const image = (more: object = {}) => ({ schemaVersion: 2, config: descriptor(), layers: [], ...more });
const index = (more: object = {}) => ({ schemaVersion: 2, manifests: [], ...more });
const SCHEMA_1 = 'Docker schema 1 manifests are not supported: push with a newer client (Docker 1.10 or later)';

test.each<[object, string | undefined, string]>([
  [image({ schemaVersion: 1 }), OCI_IMAGE, SCHEMA_1],
  [image(), 'application/vnd.docker.distribution.manifest.v1+json', SCHEMA_1],
  [image(), 'application/vnd.docker.distribution.manifest.v1+prettyjws', SCHEMA_1],
  [image(), 'x/application/vnd.docker.distribution.manifest.v1+json', 'is not a supported manifest type'],
  [image(), 'application/vnd.docker.distribution.manifest.v1+jsonx', 'is not a supported manifest type'],
  [image(), 'text/plain', 'text/plain is not a supported manifest type: push an OCI or Docker image manifest or index'],
  [image(), undefined, 'the manifest has no media type: send a Content-Type, or set its mediaType'],
  [image({ mediaType: OCI_INDEX }), OCI_IMAGE, `Content-Type is ${OCI_IMAGE}, but the manifest's mediaType is ${OCI_INDEX}`],
  [image({ mediaType: 1 }), OCI_IMAGE, 'mediaType: must be a string'],
  [image({ schemaVersion: 3 }), OCI_IMAGE, 'schemaVersion: must be 2'],
  [image({ manifests: [] }), OCI_IMAGE, 'the media type is of an image manifest, but the field manifests is of an index'],
  [image({ layers: {} }), OCI_IMAGE, 'layers: must be a list'],
  [image({ layers: [descriptor({ urls: 'x' })] }), OCI_IMAGE, 'layers.0.urls: must be a list'],
  [image({ layers: [descriptor({ size: -1 })] }), OCI_IMAGE, 'layers.0.size: must be a whole number from 0'],
  [image({ subject: descriptor({ size: 0.5 }) }), OCI_IMAGE, 'subject.size: must be a whole number from 0'],
  [image({ artifactType: 1 }), OCI_IMAGE, 'artifactType: must be a string'],
  [image({ annotations: [] }), OCI_IMAGE, 'annotations: must be an object'],
  [image({ annotations: { a: 1 } }), OCI_IMAGE, 'annotations.a: must be a string'],
  [index({ config: {} }), OCI_INDEX, 'the media type is of an index, but the fields config and layers are of an image manifest'],
  [index({ layers: [] }), OCI_INDEX, 'the media type is of an index, but the fields config and layers are of an image manifest'],
  [{ schemaVersion: 2 }, OCI_INDEX, 'manifests: must be a list'],
  [[], OCI_IMAGE, 'the manifest: must be an object'],
])('%j as %s: %s', (json, type, message) => {
  const failure = { kind: 'manifest-invalid', message: expect.stringContaining(message) };
  expect(() => parseManifest(bytesOf(JSON.stringify(json)), type)).toThrow(expect.objectContaining(failure));
});

test.each([
  ['no JSON', bytesOf('{')],
  ['a byte order mark', new Uint8Array([0xef, 0xbb, 0xbf, ...bytesOf(JSON.stringify(image()))])],
  ['no UTF-8', new Uint8Array([...bytesOf('{"a":"'), 0xff, ...bytesOf('"}')])],
])('%s', (_, bytes) => {
  const failure = { kind: 'manifest-invalid', message: 'the manifest must be JSON in UTF-8', cause: expect.any(Error) };
  expect(() => parseManifest(bytes, OCI_IMAGE)).toThrow(expect.objectContaining(failure));
});

test("is of its own media type without a Content-Type, and of its config's artifact type without one of its own", () => {
  const parse = (json: object, type?: string) => parseManifest(bytesOf(JSON.stringify(json)), type);
  expect(parse(image({ mediaType: OCI_IMAGE }))).toMatchObject({ mediaType: OCI_IMAGE, artifactType: 'x' });
  expect(parse(image({ artifactType: 'a' }), OCI_IMAGE).artifactType).toBe('a');
  expect(parse(image({ artifactType: '' }), OCI_IMAGE).artifactType).toBe('x');
  expect(parse(index({ annotations: { a: 'b' } }), OCI_INDEX)).toMatchObject({
    artifactType: undefined,
    annotations: { a: 'b' },
  });
});

test('a child is a manifest where its media type says so', () => {
  const types = ['application/vnd.docker.distribution.manifest.v2+json', OCI_IMAGE, OCI_INDEX, 'text/plain'];
  const manifests = types.map((mediaType) => descriptor({ mediaType, digest: digestOf(bytesOf(mediaType)) }));
  const { references } = parseManifest(bytesOf(JSON.stringify(index({ manifests }))), OCI_INDEX);
  expect(references.map(({ kind, isManifest }) => [kind, isManifest])).toEqual([
    ['child', true],
    ['child', true],
    ['child', true],
    ['child', false],
  ]);
});

test('a list of Docker is an index', () => {
  const type = 'application/vnd.docker.distribution.manifest.list.v2+json';
  const json = index({ manifests: [descriptor({ mediaType: type })] });
  const { mediaType, references } = parseManifest(bytesOf(JSON.stringify(json)), type);
  expect([mediaType, references]).toEqual([type, [expect.objectContaining({ kind: 'child', isManifest: true })]]);
});

test('a manifest may have 4 MiB, as the specification requires', () => {
  expect(MAX_MANIFEST_BYTES).toBe(4_194_304);
});
