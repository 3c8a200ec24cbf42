/** `npm start`: the settings of the worker, the output, and the data after a restart. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { askProbe, makeProbeProject, type ProbeProject } from '../support/probe-project.ts';
import { commandLine, processTree } from '../support/process-tree.ts';
import { type Server, type ServerOptions, spawnNpmStart, startServer } from '../support/server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const folder = temporaryFolder();

/** Characters that a shell, a dotenv file, a command line or a format string would change. */
const AWKWARD = ` $2y$10$abc/def.G $HOME \${HOME} 'single' "double" \`back\` #no comment \\n \\$ \\\\ %s %d é🚢\nA=second line\t `;

const S3_SETTINGS = {
  REGISTRY_STORAGE_S3_BUCKET: 'images',
  REGISTRY_STORAGE_S3_REGIONENDPOINT: 'http://user:password@127.0.0.1:9',
  REGISTRY_STORAGE_S3_ACCESSKEY: 'access key 4711',
  REGISTRY_STORAGE_S3_SECRETKEY: AWKWARD,
};

let probe: ProbeProject;
let servers: Server[] = [];

beforeAll(async () => {
  probe = await makeProbeProject();
});
afterEach(async () => {
  for (const server of servers) await server.kill();
  servers = [];
});
afterAll(() => probe.remove());

async function start(options: ServerOptions = {}): Promise<Server> {
  const server = await startServer({ projectFolder: probe.folder, ...options });
  servers.push(server);
  return server;
}

describe('settings', () => {
  test('reach the worker unchanged, and no other shell variable does', async () => {
    const server = await start({ env: { ...S3_SETTINGS, UNRELATED: 'x', CLOUDFLARE_INCLUDE_PROCESS_ENV: 'true' } });
    const { vars, processEnv } = await askProbe(server.url);
    expect(vars).toEqual(S3_SETTINGS);
    expect(processEnv).toEqual(S3_SETTINGS);
  });

  test('are in no command line, no output, and no file while the worker runs', async () => {
    const server = await start({ dataFolder: folder('secrets'), env: S3_SETTINGS });
    const seen = [...processTree(server.pid).map(commandLine), server.output()].join('\n');
    for (const secret of ['$2y$10$', 'access key', 'password']) expect(seen).not.toContain(secret);
    expect(await readdir(server.dataFolder)).not.toContain('wrangler.json');
    expect(server.output()).toContain(`Berth is at http://localhost:${server.port} (bucket images at 127.0.0.1:9)\n`);
  });

  test('come from wrangler.toml, and shell variables override them', async () => {
    const toml = `name = "probe"
      main = "src/worker.ts"
      compatibility_date = "2026-10-01"
      vars = { REGISTRY_LOG_LEVEL = "debug", REGISTRY_CATALOG_MAXENTRIES = "5" }`;
    const other = await makeProbeProject({ 'wrangler.toml': toml });
    try {
      const server = await start({ projectFolder: other.folder, env: { REGISTRY_LOG_LEVEL: 'warn' } });
      expect((await askProbe(server.url)).vars).toEqual({ REGISTRY_LOG_LEVEL: 'warn', REGISTRY_CATALOG_MAXENTRIES: '5' });
    } finally {
      await other.remove();
    }
  });

  test('in .env and .dev.vars are ignored, with a warning', async () => {
    const text = 'REGISTRY_LOG_LEVEL=debug\nUNRELATED=x\nCLOUDFLARE_INCLUDE_PROCESS_ENV=true\n';
    const other = await makeProbeProject({ '.env': text, '.dev.vars': text });
    try {
      const server = await start({ projectFolder: other.folder });
      expect((await askProbe(server.url)).vars).toEqual({});
      for (const name of ['.env', '.dev.vars']) expect(server.output()).toContain(`settings in ${name} are ignored`);
    } finally {
      await other.remove();
    }
  });
});

describe('the output', () => {
  test('is an address, commands to try, a warning about open access, and the output of the worker', async () => {
    const server = await start({ dataFolder: join(probe.folder, 'my-data') });
    await askProbe(`${server.url}/some/path`);
    await vi.waitFor(() => expect(server.output()).toContain('asked for'));
    const image = `localhost:${server.port}/hello-world`;
    expect(server.output().split('\n').slice(-5)).toEqual([
      `Berth is at ${server.url} (data in my-data/)`,
      `Try:  docker pull hello-world && docker tag hello-world ${image} && docker push ${image}`,
      `Open: anyone who reaches localhost:${server.port} can pull, push and delete (REGISTRY_AUTH)`,
      'asked for /some/path',
      '',
    ]);
  });

  test.each([
    [{ PORT: '80a' }, 'PORT is 80a, and must be a whole number from 1 to 65535'],
    [{ PORT: '65536' }, 'PORT is 65536, and must be a whole number from 1 to 65535'],
    [{ HOST: 'no such host' }, 'HOST=no such host is unknown: use a name or an address of this machine'],
    [{ BERTH_INSPECTOR_PORT: '0' }, 'BERTH_INSPECTOR_PORT is 0, and must be a whole number from 1 to 65535'],
    [{ BERTH_SCHEDULE_SECONDS: '0' }, 'BERTH_SCHEDULE_SECONDS is 0, and must be a whole number from 1 to 86400'],
    [{ REGISTRY_LOG_LEVEL: 'loud' }, 'REGISTRY_LOG_LEVEL must be one of error, warn, info, debug'],
    [
      { REGISTRY_AUTH: 'htpasswd', REGISTRY_AUTH_HTPASSWD_PATH: '/no/such' },
      'REGISTRY_AUTH_HTPASSWD_PATH: cannot read /no/such (ENOENT)',
    ],
    [
      { HOST: '0.0.0.0', REGISTRY_AUTH: 'htpasswd', REGISTRY_AUTH_HTPASSWD_OBJECT: 'users' },
      'HOST=0.0.0.0 would expose an embedded store with users to the network, and it is safe on this machine only: set REGISTRY_STORAGE_S3_BUCKET, or unset HOST',
    ],
    [{ REGISTRY_AUHT: 'none' }, 'REGISTRY_AUHT is not a setting of this version (docs/configuration.md lists them)'],
  ])('is one line if a variable is wrong: %o', async (env, line) => {
    expect(await failedStart({ env })).toBe(`berth: ${line}\n`);
  });

  test('is one line if the port is in use', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    expect(await failedStart({ env: { PORT: String(port) } })).toBe(
      `berth: port ${port} of localhost is in use: choose another (PORT)\n`,
    );
    holder.close();
  });

  test('is one line if the data folder cannot be created', async () => {
    await writeFile(folder('a file'), '');
    const path = folder('a file', 'data');
    const line = `berth: the data folder ${path} cannot be used: ENOTDIR: not a directory, mkdir '${path}' (choose another by BERTH_DATA)\n`;
    expect(await failedStart({ env: { BERTH_DATA: path } })).toBe(line);
  });

  test('is one line if another Berth uses the data folder', async () => {
    const { dataFolder } = await start();
    const line = `berth: the data folder ${dataFolder} is in use by another Berth: stop that one, or choose another folder (BERTH_DATA)\n`;
    expect(await failedStart({ env: { BERTH_DATA: dataFolder } })).toBe(line);
  });
});

/** Expects exit code 1, and only npm's banner on stdout. Returns stderr without npm's own lines. */
async function failedStart(options: ServerOptions): Promise<string> {
  const npm = spawnNpmStart({ projectFolder: probe.folder, ...options });
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    npm[name]!.setEncoding('utf8').on('data', (part: string) => (text[name] += part));
  const [exitCode] = await once(npm, 'close');
  expect(exitCode).toBe(1);
  const withoutNpm = (output: string) => output.replaceAll(/^(> .*|npm .*|)\n/gm, '');
  expect(withoutNpm(text.stdout)).toBe('');
  return withoutNpm(text.stderr);
}

test('two registries run at the same time from one checkout', async () => {
  const [one, other] = [
    await start({ env: { REGISTRY_LOG_LEVEL: 'warn' } }),
    await start({ env: { REGISTRY_LOG_LEVEL: 'debug' } }),
  ];
  expect((await askProbe(one.url)).vars).toEqual({ REGISTRY_LOG_LEVEL: 'warn' });
  expect((await askProbe(other.url)).vars).toEqual({ REGISTRY_LOG_LEVEL: 'debug' });
});

test('the schedule runs, with the cron of wrangler.toml', async () => {
  const server = await start({ env: { BERTH_SCHEDULE_SECONDS: '1' } });
  const twice = ['17 * * * *', '17 * * * *'];
  await vi.waitFor(async () => expect((await askProbe(server.url)).crons.slice(0, 2)).toEqual(twice), {
    timeout: 50_000,
    interval: 100,
  });
});

describe('a pushed blob is there after a restart', () => {
  const projectFolder = join(import.meta.dirname, '../..');

  test.each(['stop', 'kill'] as const)('after %s', async (end) => {
    const dataFolder = folder(end);
    const first = await start({ projectFolder, dataFolder });
    const content = randomBytes(1_000_000);
    const path = await pushBlob(first.url, content);
    await first[end]();

    const second = await start({ projectFolder, dataFolder });
    const response = await fetch(second.url + path);
    expect(response.status).toBe(200);
    expect(content.equals(Buffer.from(await response.arrayBuffer()))).toBe(true);
  });
});

/** Returns the blob's path. */
async function pushBlob(url: string, content: Buffer): Promise<string> {
  const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`;
  const session = await fetch(`${url}/v2/kept/blobs/uploads/`, { method: 'POST' });
  expect(session.status).toBe(202);
  const target = new URL(session.headers.get('location')!, url);
  target.searchParams.set('digest', digest);
  const stored = await fetch(target, { method: 'PUT', body: content });
  expect(stored.status).toBe(201);
  return `/v2/kept/blobs/${digest}`;
}
