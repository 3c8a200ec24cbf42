/** Runs wrangler-dev.ts as a child process, reads its output, and ends it together with its own children. */
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
      // Its own process group: the runtime and the bundler can then be ended even after wrangler has ended.
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

/** In the data folder, which only its owner can enter. */
const SOCKET = 'worker.sock';
/** The limit of macOS for the path of a socket. Linux allows 4 bytes more. */
const MAX_PATH_BYTES = 103;

function socketPathIn(dataFolder: string): string {
  const path = join(dataFolder, SOCKET);
  const shortest = [path, relative(process.cwd(), path)].toSorted((one, other) => one.length - other.length)[0]!;
  if (Buffer.byteLength(shortest) <= MAX_PATH_BYTES) return shortest;
  throw new LaunchError(
    `the path of the data folder ${dataFolder} is too long for a socket in it (${MAX_PATH_BYTES} bytes): choose a shorter one (BERTH_DATA)`,
  );
}

/**
 * Only the variables that wrangler needs. It reads dozens of names, and one of them passes the whole environment to the worker.
 * The settings of the registry are in wrangler's configuration instead.
 */
function wranglerEnvironment(env: NodeJS.ProcessEnv, dataFolder: string): NodeJS.ProcessEnv {
  const passed = ['PATH', 'TMPDIR', 'NODE_EXTRA_CA_CERTS'].filter((name) => env[name] !== undefined);
  return {
    ...Object.fromEntries(passed.map((name) => [name, env[name]])),
    // Wrangler writes files into the home folder, such as its registry of dev servers, and hangs where it can't.
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

/** Passes the worker's output on, without wrangler's own lines. */
function passOnWorkerOutput(output: Readable, ready: Promise<unknown>, print: (line: string) => void): void {
  let isReady = false;
  void ready.then(() => (isReady = true));
  createInterface({ input: output }).on('line', (line) => {
    if (isReady && !line.startsWith('[wrangler:info] ') && !line.startsWith('⎔ ')) print(line);
  });
}

/** Removes colours and blank lines from wrangler's errors. */
function passOn(output: Readable, print: (line: string) => void): void {
  createInterface({ input: output }).on('line', (line) => {
    const plain = stripVTControlCharacters(line);
    if (plain.trim() !== '') print(withoutQueries(plain));
  });
}

/** Wrangler prints the whole URL of a request whose client went away. With an upload's query, anyone could continue the upload. */
function withoutQueries(line: string): string {
  return line.replaceAll(/(https?:\/\/[^\s"?]+)\?[^\s"]*/g, '$1');
}
