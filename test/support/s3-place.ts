import { randomBytes } from 'node:crypto';
import { ListPartsCommand } from '@aws-sdk/client-s3';
import { inject } from 'vitest';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { prefixedStore } from '../../src/storage/prefixed.ts';
import { S3Store } from '../../src/storage/s3.ts';
import { openBucket, s3Client, type S3Settings } from './buckets.ts';
import { type CountingProxy, startCountingProxy } from './counting-proxy.ts';
import { type FaultyProxy, type OpenedMultipart, startFaultyProxy } from './faulty-proxy.ts';

/** A part of the bucket of this run's S3 server, for one registry. */
export interface S3Place {
  /** Settings with which a registry uses it. */
  readonly settings: Readonly<Record<string, string>>;
  /** Calls to the storage, by the app and by clients. Undefined where the storage uses HTTPS. */
  readonly traffic: { readonly ofApp: FaultyProxy; readonly ofClients: CountingProxy } | undefined;
  /** The stored objects, without the registry in between. */
  readonly store: ObjectStore;
  readonly isOpen: (multipart: OpenedMultipart) => Promise<boolean>;
  readonly empty: () => Promise<void>;
  readonly close: () => Promise<void>;
}

// Go clients send credentials along on a redirect to the same host name, and crane, cosign and kaniko follow none to an address
// such as 127.0.0.1 (go-containerregistry, pkg/v1/remote/fetcher.go): the storage needs a name, and another than the registry's.
const REDIRECTS_TO = 'localhost';

export async function openS3Place(): Promise<S3Place> {
  const s3 = inject('s3') as S3Settings;
  const root = `e2e-${randomBytes(6).toString('hex')}`;
  const { bucket, empty, remove } = await openBucket(s3, `${root}/`);
  const traffic = s3.endpoint.startsWith('https:')
    ? undefined
    : {
        ofApp: await startFaultyProxy(s3.endpoint),
        ofClients: await startCountingProxy(s3.endpoint, { hostname: REDIRECTS_TO }),
      };
  const { region, endpoint, accessKeyId, secretAccessKey } = s3;
  const client = s3Client(s3);
  const store = new S3Store({ ...s3, bucket, redirectEndpoint: undefined, forcePathStyle: true, timeoutMs: 3000 });
  return {
    settings: {
      REGISTRY_STORAGE_S3_BUCKET: bucket,
      REGISTRY_STORAGE_S3_REGION: region,
      REGISTRY_STORAGE_S3_REGIONENDPOINT: traffic?.ofApp.endpoint ?? endpoint,
      REGISTRY_STORAGE_S3_REDIRECTENDPOINT: traffic?.ofClients.endpoint ?? endpoint,
      REGISTRY_STORAGE_S3_ACCESSKEY: accessKeyId,
      REGISTRY_STORAGE_S3_SECRETKEY: secretAccessKey,
      REGISTRY_STORAGE_S3_ROOTDIRECTORY: root,
    },
    traffic,
    store: prefixedStore(store, root),
    isOpen: async ({ key, multipartId }) => {
      try {
        await client.send(new ListPartsCommand({ Bucket: bucket, Key: key, UploadId: multipartId }));
        return true;
      } catch (error) {
        if (error instanceof Error && error.name === 'NoSuchUpload') return false;
        throw error;
      }
    },
    empty,
    close: async () => {
      await Promise.all([traffic?.ofApp.stop(), traffic?.ofClients.stop()]);
      await remove();
      client.destroy();
    },
  };
}
