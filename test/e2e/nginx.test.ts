/** nginx in front, with TLS, as people have it in front of registry:2: docs/nginx.md, run as it stands there. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { berth } from '../support/berth.ts';
import { type Certificate, makeCertificate } from '../support/certificate.ts';
import { debianDocker, type Docker, startDockerd } from '../support/dockerd.ts';
import { describeOnEachStore, type Registry } from '../support/each-store.ts';
import { makeBuildContext, MIB } from '../support/images.ts';
import { missingProgram } from '../support/needs-node.ts';
import { describeUnless } from '../support/needs.ts';
import { type Nginx, startNginx } from '../support/nginx.ts';
import { testPassword } from '../support/no-secrets.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { basic, htpasswd } from '../support/users.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 90_000 });

/** To Linux this is loopback too, and to Docker it is not: of 127.0.0.1 and localhost it would verify no certificate. */
const ADDRESS = '0.0.0.0';

const PASSWORD = testPassword('right');

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

describeUnless(missingProgram('nginx', 'nginx') ?? missingProgram('openssl', 'openssl'), 'behind nginx', () => {
  const folder = temporaryFolder();
  const missingEngine = debianDocker.client.missing;
  let tls: Certificate;
  let engine: Docker;

  beforeAll(async () => {
    tls = await makeCertificate(folder('tls'), ADDRESS);
    if (missingEngine !== undefined) return;
    await makeBuildContext(folder('context'), 9 * MIB);
    engine = await startDockerd(debianDocker, folder('docker'), tls.certificate);
  });
  afterAll(async () => await engine?.stop());

  /** nginx for one suite, which lets only its own users in where there are any. */
  function nginxBefore(registry: () => Registry, users?: () => string): () => string {
    let nginx: Nginx | undefined;
    beforeAll(async () => {
      const upstreamPort = Number(new URL(registry().url).port);
      nginx = await startNginx({ folder: folder(`nginx-${upstreamPort}`), upstreamPort, users: users?.(), ...tls });
    });
    afterAll(async () => await nginx?.stop());
    return () => `${ADDRESS}:${nginx?.port}`;
  }

  async function get(host: string, path: string, headers: Record<string, string> = {}): Promise<Answer> {
    const asking = request(`https://${host}${path}`, { headers, ca: await readFile(tls.certificate), agent: false }).end();
    const [response] = (await once(asking, 'response')) as [IncomingMessage];
    let body = '';
    for await (const text of response.setEncoding('utf8')) body += text;
    return { status: response.statusCode, headers: response.headers, body };
  }

  /** What nginx itself does, whether nginx or Berth asks for passwords. */
  function describeNginx(host: () => string): void {
    test.each(['docker/1.3.0', 'docker/1.5.0 go/go1.4.1', 'Go 1.1 package http'])('is not there for %s', async (agent) => {
      const { status, body } = await get(host(), '/v2/', { 'User-Agent': agent });
      expect([status, body]).toEqual([404, expect.stringContaining('<center>nginx/')]);
    });

    test('is there for Docker since 1.6', async () => {
      expect((await get(host(), '/v2/', { 'User-Agent': 'docker/1.6.0' })).status).toBe(401);
    });

    test('passes on nothing outside /v2/', async () => {
      for (const path of ['/', '/v1/_ping', '/cdn-cgi/local/explorer']) {
        const { status, body } = await get(host(), path);
        expect([status, body], path).toEqual([404, expect.stringContaining('<center>nginx/')]);
      }
    });
  }

  /** Each test goes on from where the one before has left the engine. */
  function dockerSuite(host: () => string): void {
    const image = () => `${host()}/team/app`;
    const docker = (...args: string[]) => engine.docker(...args);
    const logIn = (password: string) => docker('login', '--username=alice', `--password=${password}`, host());
    const build = async () => {
      await docker('build', '--tag', image(), folder('context'));
      return docker('image', 'inspect', '--format={{.Id}}', image());
    };

    test('a push by somebody who has not logged in is refused', async () => {
      await build();
      await expect(docker('push', image())).rejects.toThrow(/no basic auth credentials|unauthorized/);
    });

    test('a login with a wrong password is refused', async () => {
      await expect(logIn(testPassword('wrong'))).rejects.toThrow(/401|unauthorized/i);
    });

    test('logged in, Docker pushes an image and pulls the same one', async () => {
      expect(await logIn(PASSWORD)).toContain('Login Succeeded');
      const built = await build();
      await docker('push', image());
      await engine.removeImages();
      await docker('pull', image());
      expect(await docker('image', 'inspect', '--format={{.Id}}', image())).toBe(built);
    });

    test('logged out, it pulls nothing', async () => {
      await docker('logout', host());
      await expect(docker('pull', image())).rejects.toThrow(/no basic auth credentials|unauthorized/);
      await engine.removeImages();
    });
  }

  describe('which asks for the password', () => {
    const users = () => folder('users');
    beforeAll(() => {
      berth(['htpasswd', '-bcC', '5', users(), 'alice', PASSWORD]);
    });

    const open = { REGISTRY_HTTP_ALLOWEDHOSTS: ADDRESS };
    const suite = (registry: () => Registry) => {
      const host = nginxBefore(registry, users);

      describeNginx(host);

      test('says itself that a registry is there', async () => {
        const { status, headers } = await get(host(), '/v2/');
        expect([status, headers['www-authenticate']]).toEqual([401, 'Basic realm="Registry"']);
        expect(headers['docker-distribution-api-version']).toBe('registry/2.0');
      });

      test('adds nothing to what the registry says', async () => {
        const { status, headers } = await get(host(), '/v2/', { Authorization: basic('alice', PASSWORD) });
        expect([status, headers['docker-distribution-api-version']]).toEqual([200, 'registry/2.0']);
      });

      describeUnless(missingEngine, 'Docker', () => dockerSuite(host));
    };
    describeOnEachStore('auth_basic', suite, open);
  });

  const settings = { REGISTRY_AUTH: 'htpasswd', REGISTRY_AUTH_HTPASSWD: htpasswd({ alice: PASSWORD }) };
  describeOnEachStore(
    'REGISTRY_AUTH=htpasswd',
    (registry) => {
      const host = nginxBefore(registry);

      describeNginx(host);

      test('says where tokens are by the address that clients use', async () => {
        const { status, headers } = await get(host(), '/v2/');
        const challenge = `Bearer realm="https://${host()}/v2/_token",service="Berth"`;
        expect([status, headers['www-authenticate']]).toEqual([401, challenge]);
        expect(headers['docker-distribution-api-version']).toBe('registry/2.0');
      });

      test('has a browser ask for name and password', async () => {
        const browser = { Accept: 'text/html,application/xhtml+xml;q=0.9', 'User-Agent': 'Mozilla/5.0' };
        const { status, headers } = await get(host(), '/v2/_catalog', browser);
        expect([status, headers['www-authenticate']]).toEqual([401, 'Basic realm="Berth"']);
        const known = await get(host(), '/v2/_catalog', { ...browser, Authorization: basic('alice', PASSWORD) });
        expect([known.status, known.body]).toEqual([200, expect.stringMatching(/^{"repositories":/)]);
      });

      describeUnless(missingEngine, 'Docker', () => dockerSuite(host));
    },
    settings,
  );
});
