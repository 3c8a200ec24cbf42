/** Clients log in to a registry that refuses anonymous users. */
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Client, debianClient, describeClient, goClient, rootClient, type RunClient } from '../../support/clients.ts';
import { type Docker, dockerEngines, startDockerd } from '../../support/dockerd.ts';
import { describeOnEachStore, type Registry } from '../../support/each-store.ts';
import { makeBuildContext, makeLayout, MIB, sha256 } from '../../support/images.ts';
import { testPassword } from '../../support/no-secrets.ts';
import { htpasswd } from '../../support/users.ts';

const USER = 'alice';
const PASSWORD = testPassword('right');
const settings = { REGISTRY_AUTH: 'htpasswd', REGISTRY_AUTH_HTPASSWD: htpasswd({ [USER]: PASSWORD }) };

// Docker 29 prints the message of the registry's error, not the status.
const REFUSED =
  /\b401\b|unauthorized|authentication required|no basic auth credentials|invalid username\/password|anonymous users have no access/i;

/** The commands of one client. */
interface Session {
  readonly logIn: (password: string) => Promise<unknown>;
  /** False for a client that stores a password without checking it at the registry. */
  readonly logInAsks?: boolean;
  /** Identifies the pushed content. */
  readonly push: () => Promise<string>;
  /** The same for the pulled content, whose bytes all come from the registry. */
  readonly pull: () => Promise<string>;
  readonly logOut: () => Promise<unknown>;
}

type Folder = (...path: string[]) => string;

/** @param start - prepares the session */
function describeLogin(client: Client, start: (registry: () => Registry, run: RunClient, folder: Folder) => Session): void {
  describeClient(client, (run, folder) => {
    describeOnEachStore(
      'log-in',
      (registry) => {
        const { logIn, logInAsks = true, push, pull, logOut } = start(registry, run, folder);

        test('logs in, pushes and pulls what anonymous users can not, and logs out', { timeout: 240_000 }, async () => {
          const withWrongPassword = logIn(testPassword('wrong'));
          if (logInAsks) await expect(withWrongPassword).rejects.toThrow(REFUSED);
          else await withWrongPassword;
          await expect(push()).rejects.toThrow(REFUSED);
          await logIn(PASSWORD);
          const pushed = await push();
          expect(await pull()).toBe(pushed);
          await logOut();
          await expect(pull()).rejects.toThrow(REFUSED);
        });
      },
      settings,
    );
  });
}

const withPassword = (password: string) => [`--username=${USER}`, `--password=${password}`];

for (const dockerEngine of dockerEngines)
  describeLogin(dockerEngine.client, (registry, _run, folder) => {
    let engine: Docker;
    beforeAll(async () => {
      const own = await mkdtemp(folder('docker-'));
      await makeBuildContext(join(own, 'context'), MIB);
      engine = await startDockerd(dockerEngine, own);
      await engine.docker('build', '--tag', image(), join(own, 'context'));
    }, 90_000);
    afterAll(async () => await engine?.stop(), 60_000);

    const image = () => `${registry().host}/private/docker`;
    const id = () => engine.docker('image', 'inspect', '--format={{.Id}}', image());
    return {
      logIn: (password) => engine.docker('login', ...withPassword(password), registry().host),
      push: async () => {
        await engine.docker('push', image());
        return id();
      },
      pull: async () => {
        await engine.removeImages();
        await engine.docker('pull', image());
        return id();
      },
      logOut: () => engine.docker('logout', registry().host),
    };
  });

describeLogin(rootClient('podman'), (registry, run, folder) => {
  const storage = () => [`--root=${folder('root')}`, `--runroot=${folder('runroot')}`, `--tmpdir=${folder('tmp')}`];
  const authFile = useAuthFile(folder);
  const podman = (...args: string[]) =>
    run([...storage(), '--storage-driver=vfs', '--cgroup-manager=cgroupfs', '--events-backend=none', ...args], authFile());
  const image = () => `${registry().host}/private/podman`;
  return {
    logIn: (password) => podman('login', '--tls-verify=false', ...withPassword(password), registry().host),
    push: async () => {
      await makeLayout(folder('image'));
      const id = await podman('pull', '--quiet', 'oci:image:latest');
      await podman('push', '--tls-verify=false', id.trim(), image());
      return id;
    },
    pull: async () => {
      await podman('rmi', '--all', '--force');
      return podman('pull', '--quiet', '--tls-verify=false', image());
    },
    logOut: () => podman('logout', registry().host),
  };
});

describeLogin(debianClient('skopeo'), (registry, run, folder) => {
  const authFile = useAuthFile(folder);
  const skopeo = (...args: string[]) => run(args, authFile());
  const image = () => `docker://${registry().host}/private/skopeo`;
  return {
    logIn: (password) => skopeo('login', '--tls-verify=false', ...withPassword(password), registry().host),
    push: async () => {
      const { digest } = await makeLayout(folder('image'));
      await skopeo('copy', '--dest-tls-verify=false', 'oci:image:latest', image());
      return digest;
    },
    pull: async () => {
      const out = await mkdtemp(folder('pulled-'));
      await skopeo('copy', '--src-tls-verify=false', image(), `dir:${out}`);
      return sha256(await readFile(join(out, 'manifest.json')));
    },
    logOut: () => skopeo('logout', registry().host),
  };
});

describeLogin(goClient('crane', 'github.com/google/go-containerregistry/cmd/crane'), (registry, run, folder) => {
  const image = () => `${registry().host}/private/crane`;
  return {
    logIn: (password) => run(['auth', 'login', ...withPassword(password), registry().host]),
    logInAsks: false,
    push: async () => {
      const { digest } = await makeLayout(folder('image'));
      await run(['push', 'image', image()]);
      return digest;
    },
    pull: async () => {
      const out = await mkdtemp(folder('pulled-'));
      await run(['pull', '--format=oci', image(), out]);
      const index = JSON.parse(await readFile(join(out, 'index.json'), 'utf8')) as { manifests: [{ digest: string }] };
      return index.manifests[0].digest;
    },
    logOut: () => run(['auth', 'logout', registry().host]),
  };
});

describeLogin(goClient('oras', 'oras.land/oras/cmd/oras'), (registry, run, folder) => {
  const artifact = () => `${registry().host}/private/oras:v1`;
  return {
    logIn: (password) => run(['login', '--plain-http', ...withPassword(password), registry().host]),
    push: async () => {
      await writeFile(folder('hello.txt'), `hello ${registry().host}\n`);
      await run(['push', '--plain-http', artifact(), 'hello.txt']);
      return readFile(folder('hello.txt'), 'utf8');
    },
    pull: async () => {
      const out = await mkdtemp(folder('pulled-'));
      await run(['pull', '--plain-http', `--output=${out}`, artifact()]);
      return readFile(join(out, 'hello.txt'), 'utf8');
    },
    logOut: () => run(['logout', registry().host]),
  };
});

describeLogin(goClient('helm', 'helm.sh/helm/v4/cmd/helm'), (registry, run, folder) => {
  const charts = () => `oci://${registry().host}/private`;
  const digest = async (...path: string[]) => sha256(await readFile(folder(...path, 'harbor-1.2.3.tgz')));
  beforeAll(async () => {
    await run(['create', 'harbor']);
    await run(['package', 'harbor', '--version=1.2.3']);
  });
  return {
    logIn: (password) => run(['registry', 'login', '--plain-http', ...withPassword(password), registry().host]),
    push: async () => {
      await run(['push', '--plain-http', 'harbor-1.2.3.tgz', charts()]);
      return digest();
    },
    pull: async () => {
      await mkdir(folder('pulled'), { recursive: true });
      await run(['pull', '--plain-http', `${charts()}/harbor`, '--version=1.2.3', '--destination=pulled']);
      return digest('pulled');
    },
    logOut: () => run(['registry', 'logout', registry().host]),
  };
});

/** podman and skopeo would store passwords below /run, for the whole machine. Some commands need the file to exist. */
function useAuthFile(folder: Folder): () => { readonly env: Record<string, string> } {
  beforeAll(() => writeFile(folder('auth.json'), '{}'));
  return () => ({ env: { REGISTRY_AUTH_FILE: folder('auth.json') } });
}
