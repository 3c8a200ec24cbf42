import { DependencyUnavailable } from '../domain/dependency-unavailable.ts';

const LOOK_MS = 50;
/** 20 s. After that the client gets 503 with Retry-After. */
const MAX_LOOKS = 400;
/** 1 s. A job that shows no sign of life for so long has ended: the platform ends a request when its client leaves. */
const MAX_SILENT_LOOKS = 20;

export interface MutexOptions {
  readonly wait: (ms: number) => Promise<void>;
}

/**
 * Runs CPU-heavy jobs one at a time: parallelism gains nothing and starves other requests. Waiting jobs poll, because in
 * workerd a request must not await another request's promise.
 */
export class Mutex {
  readonly #options: MutexOptions;
  #current: { heartbeats: number } | undefined;

  constructor(options: MutexOptions) {
    this.#options = options;
  }

  /**
   * Runs a job when the jobs before it have ended.
   *
   * @param work - must call `heartbeat` at least twice a second
   * @throws {DependencyUnavailable} after 20 s of waiting
   */
  async run<T>(work: (heartbeat: () => void) => Promise<T>): Promise<T> {
    let [seen, heartbeats, silentLooks] = [this.#current, this.#current?.heartbeats, 0];
    for (let looks = 0; this.#current !== undefined && silentLooks < MAX_SILENT_LOOKS; looks += 1) {
      if (looks === MAX_LOOKS) throw new DependencyUnavailable('too many passwords are waiting to be checked');
      await this.#options.wait(LOOK_MS);
      const isSilent = seen === this.#current && heartbeats === this.#current?.heartbeats;
      silentLooks = isSilent ? silentLooks + 1 : 0;
      [seen, heartbeats] = [this.#current, this.#current?.heartbeats];
    }
    const job = { heartbeats: 0 };
    this.#current = job;
    try {
      return await work(() => void (job.heartbeats += 1));
    } finally {
      if (this.#current === job) this.#current = undefined;
    }
  }
}
