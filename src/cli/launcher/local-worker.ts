import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Front } from './front.ts';
import { reachableName } from './greeting.ts';
import type { LocalSetup } from './local-setup.ts';
import { isOnLoopback, type LaunchOptions } from './launch-options.ts';
import type { StoreAccess } from '../remote-store.ts';
import { type Listener, WranglerProcess } from './wrangler-process.ts';
import { localConfig } from './wrangler-toml.ts';

/** The worker on this machine, on a data folder that this process holds. */
export class LocalWorker {
  readonly exited: Promise<unknown>;
  readonly #wrangler: WranglerProcess;
  readonly #options: LaunchOptions;
  #front: Front | undefined;
  readonly #configPath: string;
  readonly #storeKey = randomBytes(32).toString('base64url');

  /** @param listener - receives what it prints */
  constructor({ options, toml, tomlPath, settings, config }: LocalSetup, listener: Listener) {
    this.#options = options;
    this.#configPath = join(options.dataFolder, 'wrangler.json');
    this.#forgetSettings();
    const marks = {
      // Nothing else tells the worker that it isn't at the edge, where a client's address can be believed.
      BERTH_EMULATED: 'true',
      ...(isOnLoopback(options) && { BERTH_ON_LOOPBACK: 'true' }),
      ...(config.storage.kind === 'r2' && { BERTH_STORE_KEY: this.#storeKey }),
    };
    const content = JSON.stringify(localConfig(toml, tomlPath, { ...settings, ...marks }));
    writeFileSync(this.#configPath, content, { mode: 0o600, flag: 'wx' });
    this.#wrangler = new WranglerProcess({ ...options, configPath: this.#configPath }, process.env, listener);
    this.exited = this.#wrangler.exited;
  }

  /** Where it answers without the front, which keeps the emulator's own paths from clients. */
  get socketPath(): string {
    return this.#wrangler.socketPath;
  }

  /**
   * Resolves once clients can reach it, with how its store is reached (only the embedded store can be).
   * @throws {LaunchError} where its host and port can't be listened on
   */
  async ready(): Promise<StoreAccess> {
    await this.#wrangler.ready;
    this.#forgetSettings();
    const { host, port } = this.#options;
    this.#front = await Front.open({ host, port, socketPath: this.socketPath });
    return { url: `http://${reachableName(host)}:${this.#front.port}`, key: this.#storeKey };
  }

  /** Returns once all its processes have ended. */
  async stop(): Promise<void> {
    this.#front?.close();
    await this.#wrangler.stop();
    this.#forgetSettings();
  }

  #forgetSettings(): void {
    rmSync(this.#configPath, { force: true });
  }
}
