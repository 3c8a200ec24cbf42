/** Host and Origin behind the listener and the emulator of `npm start`. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Server, startServer } from '../support/server.ts';

/** Uses node:http, since fetch sets Host itself. */
async function statusOf({ port }: Server, method: string, path: string, headers: Record<string, string>): Promise<number> {
  const sent = request({
    host: '127.0.0.1',
    port,
    method,
    path,
    agent: false,
    headers: { ...headers, 'Content-Length': 0 },
  }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.resume();
  return response.statusCode!;
}

const BEGIN = ['POST', '/v2/a/blobs/uploads/'] as const;

function describeServer(name: string, env: Record<string, string>, tests: (server: () => Server) => void): void {
  describe(`npm start of ${name}`, () => {
    let server: Server;
    beforeAll(async () => {
      server = await startServer({ env });
    }, 90_000);
    afterAll(() => server.stop(), 90_000);
    tests(() => server);
  });
}

describeServer('a registry without users on loopback', { REGISTRY_HTTP_ALLOWEDHOSTS: 'registry.example' }, (server) => {
  test.each([
    'localhost',
    'LOCALHOST:1',
    'localhost.',
    'a.localhost',
    '127.0.0.1',
    '[::1]',
    'registry.example',
    'Registry.example:443',
  ])('answers to %s', async (host) => {
    expect(await statusOf(server(), 'GET', '/v2/', { Host: host })).toBe(200);
  });

  test.each(['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example'])(
    'refuses %s, also with forwarded headers',
    async (host) => {
      const forwarded = { 'X-Forwarded-Host': 'localhost', Forwarded: 'host=localhost', 'X-Forwarded-Proto': 'https' };
      for (const headers of [{}, forwarded, { ...forwarded, Origin: `http://${host}` }])
        for (const [method, path] of [BEGIN, ['GET', '/v2/'], ['OPTIONS', '/v2/'], ['GET', '/']] as const)
          expect(await statusOf(server(), method, path, { Host: host, ...headers }), `${method} ${path}`).toBe(403);
    },
  );

  test.each(['localhost@evil.example', 'evil.example/localhost', 'localhost evil.example'])(
    'refuses %s as malformed',
    async (host) => {
      for (const [method, path] of [BEGIN, ['GET', '/v2/']] as const)
        expect(await statusOf(server(), method, path, { Host: host }), method).toBe(400);
    },
  );

  test("accepts requests of the registry's own pages, also behind a proxy with TLS", async () => {
    for (const [origin, forwarded] of [
      ['http://registry.example', {}],
      ['https://registry.example', { 'X-Forwarded-Proto': 'https' }],
      ['https://proxy.example:8443', { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'proxy.example:8443' }],
    ] as const)
      expect(await statusOf(server(), ...BEGIN, { Host: 'registry.example', Origin: origin, ...forwarded }), origin).toBe(202);
    for (const origin of ['http://registry.example.evil.example', 'http://registry.example:1', 'null', 'http://localhost'])
      expect(await statusOf(server(), ...BEGIN, { Host: 'registry.example', Origin: origin }), origin).toBe(403);
  });
});

describeServer('a registry without users on every address', { HOST: '0.0.0.0' }, (server) => {
  test('answers to every name', async () => {
    expect(await statusOf(server(), ...BEGIN, { Host: 'registry.example' })).toBe(202);
  });
});
