/** The embedded store as commands reach it while `npm start` runs: the same contract as every store's. */
import { afterAll, beforeAll, test, vi } from 'vitest';
import { findAccess } from '../../src/cli/launcher/access-file.ts';
import { RemoteStore } from '../../src/cli/remote-store.ts';
import { listAll } from '../../src/storage/object-store.ts';
import { expectStoreError } from '../contract/contract.ts';
import { objectStoreContract } from '../contract/store-contract.ts';
import { type Server, startServer } from '../support/server.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let server: Server;

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const access = () => findAccess(server.dataFolder)!;

objectStoreContract('the running worker', async () => {
  const store = new RemoteStore(access());
  const remaining = async () => (await Array.fromAsync(listAll(store, 'contract/'))).map(({ key }) => key);
  return { store, remaining };
});

test('a wrong key opens nothing, and a worker that is gone gives an error', async () => {
  await expectStoreError(new RemoteStore({ ...access(), key: 'x'.repeat(43) }).head('a'), 'misconfigured');
  await expectStoreError(new RemoteStore({ ...access(), url: 'http://127.0.0.1:1' }).head('a'), 'unavailable');
});
