import { type Digest, digestOf } from '../../../src/domain/digest.ts';
import { bytesOf, imageManifest, OCI_IMAGE } from '../../support/api-client.ts';

/** A small image: a config without layers. One image also has a layer with `urls`. */
export interface Image {
  readonly config: Uint8Array;
  readonly configDigest: Digest;
  readonly foreignLayer: Uint8Array | undefined;
  readonly manifest: Uint8Array;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly subject: Digest | undefined;
}

function imageOf(text: string, subject?: Image, foreignLayer?: Uint8Array): Image {
  const config = bytesOf(JSON.stringify({ text }));
  const configDigest = digestOf(config);
  const urls = ['https://example.com/layer'];
  const layers = foreignLayer === undefined ? [] : [{ digest: digestOf(foreignLayer), size: foreignLayer.length, urls }];
  const manifest = bytesOf(imageManifest(configDigest, config.length, layers, subject && { subject: descriptorOf(subject) }));
  return {
    config,
    configDigest,
    foreignLayer,
    manifest,
    digest: digestOf(manifest),
    mediaType: OCI_IMAGE,
    subject: subject?.digest,
  };
}

function untyped(image: Image): Image {
  const manifest = bytesOf(imageManifest(image.configDigest, image.config.length, [], { mediaType: undefined }));
  return { ...image, manifest, digest: digestOf(manifest) };
}

const descriptorOf = ({ digest, manifest }: Image) => ({ mediaType: OCI_IMAGE, digest, size: manifest.length });

export const ONE = imageOf('one');
export const TWO = imageOf('two');
export const SIGNATURE = imageOf('signature', ONE);
const FOREIGN_BYTES = bytesOf('a layer from elsewhere');
export const FOREIGN_LAYER = digestOf(FOREIGN_BYTES);
/** A manifest without a `mediaType` field, and the same bytes with another media type. */
export const UNTYPED = untyped(imageOf('untyped'));
export const RETYPED: Image = { ...UNTYPED, mediaType: 'application/vnd.docker.distribution.manifest.v2+json' };
export const WINDOWS = imageOf('windows', undefined, FOREIGN_BYTES);
