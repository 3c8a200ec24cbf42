/** Every server that a test starts is stopped by it, and then its log is looked through: here a log that tells something. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { testPassword } from '../support/no-secrets.ts';
import { askProbe, makeProbeProject, type ProbeProject } from '../support/probe-project.ts';
import { startServer } from '../support/server.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let probe: ProbeProject;

beforeAll(async () => {
  probe = await makeProbeProject();
});
afterAll(() => probe.remove());

const SECRET = '0123456789-secret-of-uploads';

test.each([
  ['a token', 'eyJhbGciOiJIUzI1NiJ9'],
  ['a setting', SECRET],
  ['a password', encodeURIComponent(testPassword('right'))],
])('a server that has printed %s makes its test fail', async (_, told) => {
  const server = await startServer({ projectFolder: probe.folder, env: { REGISTRY_HTTP_SECRET: SECRET } });
  await askProbe(`${server.url}/${told}`);
  await vi.waitFor(() => expect(server.output()).toContain(told));
  await expect(server.stop()).rejects.toThrow(`the log contains secrets:\nasked for /${told}`);
});
