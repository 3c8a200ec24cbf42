/** Bodies of fuzzed requests. They are few, so that they often fit together. */
import { bytesOf, digestOf, imageManifest, OCI_IMAGE, OCI_INDEX } from '../support/api-client.ts';

export interface Body {
  readonly bytes: Uint8Array;
  readonly digests: Readonly<Record<'sha256' | 'sha512', string>>;
  /** Of a manifest: its media type, and the digests that it references. */
  readonly manifest?: { readonly mediaType: string; readonly names: readonly string[] };
}

function body(content: string, manifest?: Body['manifest']): Body {
  const bytes = bytesOf(content);
  const digests = { sha256: digestOf(bytes), sha512: digestOf(bytes, 'sha512') };
  return { bytes, digests, ...(manifest && { manifest }) };
}

const image = (config: Body, layers: readonly Body[], more: object = {}) =>
  body(
    imageManifest(
      config.digests.sha256,
      config.bytes.length,
      layers.map(({ digests, bytes }) => ({ digest: digests.sha256, size: bytes.length })),
      more,
    ),
    { mediaType: OCI_IMAGE, names: [config, ...layers].map(({ digests }) => digests.sha256) },
  );

export const CONFIG = body('{}');
export const LAYER = body('0123456789');
export const EMPTY = body('');
export const IMAGE = image(CONFIG, [LAYER]);
const OTHER_IMAGE = image(CONFIG, [LAYER], { annotations: { other: 'yes' } });
const UNKNOWN_LAYER = image(CONFIG, [body('nobody has pushed this')]);
export const INDEX = body(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: [{ mediaType: OCI_IMAGE, digest: IMAGE.digests.sha256, size: IMAGE.bytes.length }],
  }),
  { mediaType: OCI_INDEX, names: [IMAGE.digests.sha256] },
);

export const BODIES: readonly Body[] = [CONFIG, LAYER, EMPTY, IMAGE, OTHER_IMAGE, UNKNOWN_LAYER, INDEX, body('not JSON {')];
