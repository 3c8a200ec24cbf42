import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Front } from './front.ts';
import { reachableName } from './greeting.ts';
import type { LocalSetup } from './local-setup.ts';
import { isOnLoopback } from './launch-options.ts';
import type { StoreAccess } from '../remote-store.ts';
import { type Output, WranglerProcess } from './wrangler-process.ts';
import { localConfig } from './wrangler-toml.ts';

export interface LocalWorkerOptions {
  readonly setup: LocalSetup;
  /** Receives the output of the worker and of wrangler. */
  readonly output: Output;
}

/** The worker on this machine. This process must hold its data folder. */
export class LocalWorker {
  readonly exited: Promise<unknown>;
  readonly #options: LocalWorkerOptions;
  readonly #wrangler: WranglerProcess;
  readonly #storeKey = randomBytes(32).toString('base64url');
  #front: Front | undefined;

  constructor(options: LocalWorkerOptions) {
    this.#options = options;
    this.#deleteSettings();
    writeFileSync(this.#configPath, this.#workerConfig(), { mode: 0o600, flag: 'wx' });
    const { dataFolder, inspectorPort } = options.setup.options;
    this.#wrangler = new WranglerProcess({
      configPath: this.#configPath,
      dataFolder,
      inspectorPort,
      env: process.env,
      output: options.output,
    });
    this.exited = this.#wrangler.exited;
  }

  /** The socket that the worker listens on, behind the front: here the emulator's own paths can be used too. */
  get socketPath(): string {
    return this.#wrangler.socketPath;
  }

  /**
   * Resolves once clients can reach the worker. The result opens its store to commands, where that is the embedded one.
   * @throws {LaunchError} where it can't listen on host and port
   */
  async ready(): Promise<StoreAccess> {
    await this.#wrangler.ready;
    this.#deleteSettings();
    const { host, port } = this.#options.setup.options;
    this.#front = await Front.open({ host, port, socketPath: this.socketPath });
    return { url: `http://${reachableName(host)}:${this.#front.port}`, key: this.#storeKey };
  }

  /** Returns once all its processes have ended. */
  async stop(): Promise<void> {
    this.#front?.close();
    await this.#wrangler.stop();
    this.#deleteSettings();
  }

  get #configPath(): string {
    return join(this.#options.setup.options.dataFolder, 'wrangler.json');
  }

  #workerConfig(): string {
    const { options, toml, tomlPath, settings, config } = this.#options.setup;
    const fromLauncher = {
      // The worker can't find out by itself that it isn't at the edge, where a client's address can be believed.
      BERTH_EMULATED: 'true',
      ...(isOnLoopback(options) && { BERTH_ON_LOOPBACK: 'true' }),
      ...(config.storage.isEmbedded && { BERTH_STORE_KEY: this.#storeKey }),
    };
    return JSON.stringify(localConfig(toml, tomlPath, { ...settings, ...fromLauncher }));
  }

  /** wrangler.json holds secrets, and is needed only until wrangler has read it. */
  #deleteSettings(): void {
    rmSync(this.#configPath, { force: true });
  }
}
