import { describe } from 'vitest';
import type { ApiClient } from '../../support/api-client.ts';
import { blobSuite } from './blobs.ts';
import { contentionSuite } from './contention.ts';
import { deleteSuite } from './deletes.ts';
import { listingSuite } from './listings.ts';
import { manifestSuite } from './manifests.ts';
import { nameSuite } from './names.ts';
import { referrerSuite } from './referrers.ts';
import { refusedManifestSuite } from './refused-manifests.ts';
import { uploadSessionSuite } from './upload-sessions.ts';
import { uploadSuite } from './uploads.ts';
import { webPageSuite } from './web-pages.ts';

/** The whole API of the specification, and many requests at once. The same tests run on every store and in every process. */
export function describeApi(name: string, client: () => ApiClient): void {
  describe(`the API ${name}`, () => {
    nameSuite(client);
    blobSuite(client);
    uploadSuite(client);
    uploadSessionSuite(client);
    manifestSuite(client);
    refusedManifestSuite(client);
    referrerSuite(client);
    listingSuite(client);
    deleteSuite(client);
    webPageSuite(client);
    contentionSuite(client);
  });
}
