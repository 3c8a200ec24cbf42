/** `wrangler dev` as a child process: started, read, and ended with everything it started itself. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { devNull } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';

const STOP_WITHIN_MS = 1000;

export interface WranglerDevOptions {
  readonly configPath: string;
  readonly dataFolder: string;
  readonly host: string;
  readonly port: number;
}

/** Who gets to hear what is printed, line by line. */
export interface Listener {
  readonly worker: (line: string) => void;
  /** Errors mostly. */
  readonly wrangler: (line: string) => void;
}

export class WranglerProcess {
  /** The address it answers at. */
  readonly ready: Promise<string>;
  readonly exited: Promise<unknown>;
  readonly #child: ChildProcess;

  constructor(options: WranglerDevOptions, env: NodeJS.ProcessEnv, listener: Listener) {
    this.#child = fork(fileURLToPath(import.meta.resolve('wrangler')), wranglerArguments(options), {
      execArgv: ['--no-warnings', '--import', import.meta.resolve('./follow-launcher.ts')],
      env: wranglerEnvironment(env, options.dataFolder),
      // A process group of its own, by which the runtime and the bundler can be ended even when wrangler is gone already.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.exited = once(this.#child, 'exit');
    passOn(this.#child.stderr!, listener.wrangler);
    this.ready = passOnWorkerOutput(this.#child.stdout!, listener.worker);
  }

  /** Returns when nothing of it runs any more. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    const timeUp = new Promise((resolve) => setTimeout(resolve, STOP_WITHIN_MS));
    await Promise.race([this.exited, timeUp]);
    this.#killGroup();
  }

  #killGroup(): void {
    try {
      process.kill(-this.#child.pid!, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

function wranglerArguments({ configPath, dataFolder, host, port }: WranglerDevOptions): string[] {
  const inspector = ['--inspector-ip', '127.0.0.1', '--inspector-port', '0'];
  // Naming an empty file keeps wrangler from looking for .env and .dev.vars.
  const files = ['--config', configPath, '--persist-to', dataFolder, '--env-file', devNull];
  return ['dev', '--local', '--ip', host, '--port', String(port), ...inspector, ...files, '--show-interactive-dev-session=false'];
}

/**
 * A list of what may pass, since wrangler reads dozens of names, and one of them hands the whole environment to the worker.
 * Settings are not among them: they are in the configuration.
 */
function wranglerEnvironment(env: NodeJS.ProcessEnv, dataFolder: string): NodeJS.ProcessEnv {
  const passed = ['PATH', 'TMPDIR', 'NODE_EXTRA_CA_CERTS'].filter((name) => env[name] !== undefined);
  return {
    ...Object.fromEntries(passed.map((name) => [name, env[name]])),
    // Wrangler keeps notes at home, among them one by which dev servers find each other, and hangs where it can't.
    HOME: join(dataFolder, '.wrangler'),
    WRANGLER_SEND_METRICS: 'false',
    WRANGLER_HIDE_BANNER: 'true',
    WRANGLER_WRITE_LOGS: 'false',
    WRANGLER_CI_DISABLE_CONFIG_WATCHING: 'true',
    CLOUDFLARE_CF_FETCH_ENABLED: 'false',
    X_LOCAL_EXPLORER: 'false',
    X_LOCAL_OBSERVABILITY: 'false',
    NO_COLOR: '1',
    FORCE_COLOR: '0',
  };
}

const READY = '[wrangler:info] Ready on ';

/** Passes on what the worker prints, without what wrangler says itself; resolves once the worker answers. */
function passOnWorkerOutput(output: Readable, tell: (line: string) => void): Promise<string> {
  return new Promise((resolve) => {
    let isReady = false;
    createInterface({ input: output }).on('line', (line) => {
      if (line.startsWith(READY)) {
        isReady = true;
        resolve(line.slice(READY.length).trim());
      } else if (isReady && !line.startsWith('[wrangler:info] ') && !line.startsWith('⎔ ')) {
        tell(line);
      }
    });
  });
}

/** Wrangler sets its errors in colour and between blank lines, whether or not anyone can see it. */
function passOn(output: Readable, tell: (line: string) => void): void {
  createInterface({ input: output }).on('line', (line) => {
    const plain = stripVTControlCharacters(line);
    if (plain.trim() !== '') tell(withoutQueries(plain));
  });
}

/** It tells the whole URL of a request whose client went away; the query of an upload's is what it takes to go on with it. */
function withoutQueries(line: string): string {
  return line.replaceAll(/(https?:\/\/[^\s"?]+)\?[^\s"]*/g, '$1');
}
