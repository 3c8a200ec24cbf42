/** Clients of `npm start` can't reach the secrets of the emulator. */
import { once } from 'node:events';
import { type IncomingMessage, request, type RequestOptions } from 'node:http';
import { text } from 'node:stream/consumers';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { ApiClient } from '../support/api-client.ts';
import { freePort } from '../support/free-port.ts';
import { listeningPorts } from '../support/listening.ts';
import { commandLine, processTree } from '../support/process-tree.ts';
import { type Server, startServer } from '../support/server.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const SECRET_PATH = '/cdn-cgi/local/r2/public/berth/system/registry.json';
const AS_LOCALHOST = { host: 'localhost' };

let server: Server;
beforeAll(async () => {
  server = await startServer();
  // The first push creates the secret.
  await new ApiClient((path, init) => fetch(server.url + path, init)).push('some/thing', randomBytes(10));
});
afterAll(() => server.stop());

async function ask(options: RequestOptions): Promise<{ status: number | undefined; body: string }> {
  const [answer] = (await once(request({ ...options, agent: false }).end(), 'response')) as [IncomingMessage];
  return { status: answer.statusCode, body: await text(answer) };
}

test("the secret can be read from the worker's socket, in the folder that only its owner can enter", async () => {
  const socketPath = join(server.dataFolder, 'worker.sock');
  const { status, body } = await ask({ socketPath, path: SECRET_PATH, headers: AS_LOCALHOST });
  expect([status, Object.keys(JSON.parse(body) as object)]).toEqual([200, expect.arrayContaining(['secret'])]);
});

test.each([
  ['the path', { path: SECRET_PATH, headers: AS_LOCALHOST }],
  ['a header', { path: '/v2/', headers: { ...AS_LOCALHOST, 'MF-Original-URL': `http://localhost${SECRET_PATH}` } }],
  [
    'a header in small letters',
    { path: '/v2/', headers: { ...AS_LOCALHOST, 'mf-original-url': `http://localhost${SECRET_PATH}` } },
  ],
  ['a host with a path', { path: '/v2/', headers: { host: `localhost${SECRET_PATH}?` } }],
  ['the path with dot segments', { path: `/v2/%2e%2e/.${SECRET_PATH}`, headers: AS_LOCALHOST }],
  ['a whole URL', { path: `http://localhost/v2\\..${SECRET_PATH}`, headers: AS_LOCALHOST }],
])('a client of the port cannot read the secret by %s', async (_, options) => {
  const { body } = await ask({ host: 'localhost', port: server.port, ...options });
  expect(body).toMatch(/^\{(?:"errors":.*)?\}$/);
});

test('apart from it, only one port listens, and only the runtime knows its password', async () => {
  const ports = new Map(processTree(server.pid).map((pid) => [commandLine(pid), listeningPorts(pid)] as const));
  const others = [...ports].filter(([command, own]) => own.length > 0 && !command.includes('src/cli/commands/start.ts'));
  expect([...ports].find(([command]) => command.includes('src/cli/commands/start.ts'))?.[1]).toEqual([server.port]);
  expect(others.map(([command, own]) => [command.includes('src/cli/launcher/wrangler-dev.ts'), own.length])).toEqual([[true, 1]]);
  for (const path of ['/', '/core/error', SECRET_PATH])
    expect(await ask({ host: '127.0.0.1', port: others[0]![1][0]!, path })).toEqual({ status: 403, body: 'Forbidden' });
});

test('an inspector listens on the configured port only', async () => {
  const inspectorPort = await freePort();
  const inspected = await startServer({ env: { BERTH_INSPECTOR_PORT: String(inspectorPort) } });
  try {
    expect(listeningPorts(inspected.workerdPid())).toEqual([inspectorPort]);
  } finally {
    await inspected.stop();
  }
});
