/** wrangler-dev.ts as a child process: started, read, and ended with everything it started itself. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { LaunchError } from '../launch-error.ts';
import type { WranglerDevArguments } from './wrangler-dev.ts';

const STOP_WITHIN_MS = 1000;

export interface WranglerProcessOptions {
  readonly configPath: string;
  readonly dataFolder: string;
  /** The port of the runtime's inspector on loopback; undefined: no inspector runs. */
  readonly inspectorPort?: number | undefined;
  /** The environment of this process: a few of its variables are passed on. */
  readonly env: NodeJS.ProcessEnv;
  readonly output: Output;
}

/** Receives the output line by line. */
export interface Output {
  readonly worker: (line: string) => void;
  /** Errors mostly. */
  readonly wrangler: (line: string) => void;
}

export class WranglerProcess {
  /** The Unix socket on which the worker answers. */
  readonly socketPath: string;
  /** Resolves once the worker answers. */
  readonly ready: Promise<unknown>;
  readonly exited: Promise<unknown>;
  readonly #child: ChildProcess;

  /** @throws {LaunchError} where the data folder's path is too long */
  constructor({ configPath, dataFolder, inspectorPort, env, output }: WranglerProcessOptions) {
    this.socketPath = socketPathIn(dataFolder);
    const given: WranglerDevArguments = { configPath, dataFolder, socketPath: SOCKET, inspectorPort };
    this.#child = fork(join(import.meta.dirname, 'wrangler-dev.ts'), [JSON.stringify(given)], {
      execArgv: ['--no-warnings'],
      cwd: dataFolder,
      env: wranglerEnvironment(env, dataFolder),
      // A process group of its own, by which the runtime and the bundler can be ended even when wrangler is gone already.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.exited = once(this.#child, 'exit');
    this.ready = once(this.#child, 'message');
    passOn(this.#child.stderr!, output.wrangler);
    passOnWorkerOutput(this.#child.stdout!, this.ready, output.worker);
  }

  /** Returns once all its processes have ended. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    const timeUp = new Promise((resolve) => setTimeout(resolve, STOP_WITHIN_MS));
    await Promise.race([this.exited, timeUp]);
    this.#killGroup();
    rmSync(this.socketPath, { force: true });
  }

  #killGroup(): void {
    try {
      process.kill(-this.#child.pid!, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/** In the data folder, which is its owner's alone. */
const SOCKET = 'worker.sock';
/** Of a socket's path, by macOS; Linux takes 4 more. */
const MAX_PATH_BYTES = 103;

function socketPathIn(dataFolder: string): string {
  const path = join(dataFolder, SOCKET);
  const shortest = [path, relative(process.cwd(), path)].toSorted((one, other) => one.length - other.length)[0]!;
  if (Buffer.byteLength(shortest) <= MAX_PATH_BYTES) return shortest;
  throw new LaunchError(`the path of the data folder ${dataFolder} is too long for the socket in it (see BERTH_DATA)`);
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

/** Passes on what the worker prints, without what wrangler says itself. */
function passOnWorkerOutput(output: Readable, ready: Promise<unknown>, tell: (line: string) => void): void {
  let isReady = false;
  void ready.then(() => (isReady = true));
  createInterface({ input: output }).on('line', (line) => {
    if (isReady && !line.startsWith('[wrangler:info] ') && !line.startsWith('⎔ ')) tell(line);
  });
}

/** Wrangler sets its errors in colour and between blank lines, whether or not anyone can see it. */
function passOn(output: Readable, tell: (line: string) => void): void {
  createInterface({ input: output }).on('line', (line) => {
    const plain = stripVTControlCharacters(line);
    if (plain.trim() !== '') tell(withoutQueries(plain));
  });
}

/** Wrangler prints the whole URL of a request whose client went away. An upload's query is all that is needed to continue it. */
function withoutQueries(line: string): string {
  return line.replaceAll(/(https?:\/\/[^\s"?]+)\?[^\s"]*/g, '$1');
}
