import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { join } from 'node:path';
import { connect } from 'node:net';
import { startInBackground } from './background.ts';
import type { Certificate } from './certificate.ts';
import { freePort } from './free-port.ts';
import { findProgram } from './programs.ts';

export interface Nginx {
  readonly port: number;
  readonly stop: () => Promise<void>;
}

export interface NginxOptions extends Certificate {
  /** The folder for all its files; a path without spaces. */
  readonly folder: string;
  /** The port of the registry, on 127.0.0.1. */
  readonly upstreamPort: number;
  /** An htpasswd file. Without one, nginx lets every client pass. */
  readonly users?: string | undefined;
}

/** Starts nginx with the configuration of docs/nginx.md. Only paths and ports are changed. */
export async function startNginx(options: NginxOptions): Promise<Nginx> {
  const { folder } = options;
  await mkdir(folder, { recursive: true });
  const port = await freePort();
  const file = join(folder, 'nginx.conf');
  await writeFile(file, configuration(await documented(), port, options));
  // Where the master runs as root, so must its workers: otherwise they can't read the folder of the tests.
  const globals = [`daemon off;`, `pid ${join(folder, 'nginx.pid')};`, ...(process.getuid?.() === 0 ? ['user root;'] : [])];
  const { stop } = await startInBackground(
    findProgram('nginx') as string,
    ['-p', folder, '-c', file, '-e', 'stderr', '-g', globals.join(' ')],
    { ready: () => isListening(port), readyWithinSeconds: 30 },
  );
  return { port, stop };
}

/** The indented lines of the page. */
async function documented(): Promise<string> {
  const page = await readFile(join(import.meta.dirname, '../../docs/nginx.md'), 'utf8');
  return page
    .split('\n')
    .filter((line) => line.startsWith('    ') || line === '')
    .map((line) => line.slice(4))
    .join('\n')
    .trim();
}

function configuration(text: string, port: number, { folder, upstreamPort, users, certificate, key }: NginxOptions): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (each) => `${each}_temp_path ${join(folder, each)};`,
  );
  const withUsers = users === undefined ? '' : `auth_basic_user_file ${users};`;
  const replacements = [
    ['http {', `http {\naccess_log off;\n${temporary.join('\n')}`],
    ['server 127.0.0.1:8787;', `server 127.0.0.1:${upstreamPort};`],
    ['listen 443 ssl;', `listen 127.0.0.1:${port} ssl;`],
    ['/etc/nginx/registry.crt', certificate],
    ['/etc/nginx/registry.key', key],
    ['auth_basic "Registry";', users === undefined ? '' : 'auth_basic "Registry";'],
    ['auth_basic_user_file /etc/nginx/registry.htpasswd;', withUsers],
  ] as const;
  return replacements.reduce((changed, [from, to]) => {
    if (changed.split(from).length !== 2) throw new Error(`docs/nginx.md has to have this once: ${from}`);
    return changed.replace(from, () => to);
  }, text);
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.destroy();
  return true;
}
