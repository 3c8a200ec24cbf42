import { compose, type Registry } from '../../src/wiring/compose.ts';
import { parseConfig } from '../../src/config/config.ts';
import type { Digest } from '../../src/domain/digest.ts';
import type { RepositoryName } from '../../src/domain/reference.ts';
import type { UploadState } from '../../src/domain/upload-session.ts';
import type { Services } from '../../src/http/services.ts';
import { BufferPool, MAX_BUFFERED_BYTES } from '../../src/registry/body/buffer-pool.ts';
import type { TagsADelete } from '../../src/registry/tags.ts';
import type { SessionSeal } from '../../src/registry/uploads/session-seal.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import { BucketInfo } from '../../src/storage/bucket-record.ts';
import { SYSTEM_KEY } from '../../src/storage/keys.ts';
import { MAX_KEYS, type ObjectStore, readAll, StoreError } from '../../src/storage/object-store.ts';
import { interceptedStore } from '../support/intercepted-store.ts';
import { overriddenStore } from '../support/overridden-store.ts';
import { contentOf, digestOfText } from './contents.ts';

/** What can happen to a storage operation. `lose` runs it and loses the answer; a crash ends its actor. */
export const FATES = ['run', 'fail', 'lose', 'crash before', 'crash after'] as const;
export type Fate = (typeof FATES)[number];

/** An actor's isolate: its registry, and the time that passes between requests. */
export interface Isolate extends Omit<Services, 'seal'> {
  readonly seal: Pick<SessionSeal, 'seal' | 'unseal'>;
  /** This isolate's clock. */
  readonly nowMs: () => number;
  readonly collect: Registry['collect'];
  /** Waits between two requests, for any time. */
  readonly rest: () => Promise<void>;
  /** Lets time pass. No request is under way meanwhile. */
  readonly pass: (ms: number) => Promise<void>;
  /** Deletes a blob's bytes but not its links, as a fault of the storage would. */
  readonly loseBytes: (digest: Digest) => Promise<void>;
}

interface Parked {
  readonly actor: number;
  readonly label: string;
  readonly run: () => Promise<unknown>;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** Whether time may pass meanwhile. */
  readonly isIdle: boolean;
  readonly passes: boolean;
}

const STORE_NAME = 'memory';

/** Changes how an actor sees the store; makes a broken variant of the registry. */
export type Breakage = (store: ObjectStore) => ObjectStore;

export interface EnterOptions {
  readonly breakage?: Breakage | undefined;
  /** Makes the ids of objects and sessions, for a variant that makes wrong ones. */
  readonly randomId?: (() => string) | undefined;
  /** How far its clock is ahead of the storage's. */
  readonly skewMs?: number;
}

/** Limits smaller than the real ones, so that a small scenario reaches them. */
interface Limits {
  /** Keys in one page of a listing. */
  readonly pageKeys?: number | undefined;
  readonly tagsADelete?: TagsADelete | undefined;
}

/**
 * One bucket and several actors. Each actor is a separate isolate that runs the real code. Every storage operation waits until
 * it is chosen, so the test decides their order.
 */
export class World {
  #nowMs = 0;
  readonly #settings: Readonly<Record<string, string>>;
  readonly #pageKeys: number;
  readonly store = new MemoryStore(() => new Date(this.#nowMs));
  readonly #actors: { services: Services; history: string[]; state: 'active' | 'done' | 'failed' | 'crashed' }[] = [];
  #parked: Parked[] = [];
  /** Until `start` operations run at once. */
  #runsAtOnce = true;
  /** Jobs of WebCrypto that are under way, in threads of their own. */
  #cryptoJobs = 0;
  #isDisturbed = false;

  readonly #tagsADelete: TagsADelete | undefined;

  constructor(settings: Readonly<Record<string, string>> = {}, { pageKeys = MAX_KEYS, tagsADelete }: Limits = {}) {
    this.#settings = settings;
    this.#pageKeys = pageKeys;
    this.#tagsADelete = tagsADelete;
  }

  /** Writes the bucket's record, which the first push to a bucket would write. */
  async prepare(): Promise<void> {
    await this.store.put(SYSTEM_KEY, await (bucketRecord ??= recordOfNewBucket()));
  }

  /** Adds an actor. Its isolate is warm: it has read the bucket's record. */
  async enter({ breakage = (store) => store, randomId, skewMs = 0 }: EnterOptions = {}): Promise<Isolate> {
    const actor = this.#actors.length;
    let ids = 0;
    const nowMs = () => this.#nowMs + skewMs;
    const config = parseConfig({
      REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR: 'none',
      REGISTRY_LOG_LEVEL: 'error',
      ...this.#settings,
    });
    const { services, collect } = compose(
      { ...config, storage: { ...config.storage, partBytes: PART_BYTES } },
      {
        store: breakage(this.#viewOf(actor)),
        storeName: STORE_NAME,
        presign: undefined,
        pool: new BufferPool({ limitBytes: MAX_BUFFERED_BYTES, clock: () => new Date() }),
        clock: () => new Date(nowMs()),
        wait: async () => undefined,
        random: () => 0,
        limit: undefined,
        isEmulated: false,
        isOnLoopback: false,
        tagsADelete: this.#tagsADelete,
        randomId: randomId ?? (() => `${actor}-${(ids += 1)}`),
      },
    );
    this.#actors.push({ services, history: [], state: 'active' });
    await services.seal.seal(services.uploads.begin('warm' as RepositoryName, 'sha256'));
    ids = 0;
    const rest = () => this.#park(actor, 'rest', async () => undefined, { isIdle: true });
    const pass = (ms: number) => this.#park(actor, 'time passes', async () => void (this.#nowMs += ms), { passes: true });
    const seal = {
      seal: (state: UploadState) => this.#awaited(services.seal.seal(state)),
      unseal: (sealed: string, name: RepositoryName, session: string) =>
        this.#awaited(services.seal.unseal(sealed, name, session)),
    };
    return { ...services, seal, nowMs, collect, rest, pass, loseBytes: (digest) => this.#loseBytes(digest) };
  }

  async #loseBytes(digest: Digest): Promise<void> {
    const { objects } = await this.store.list({ prefix: `objects/${digest.replace(':', '/')}/` });
    await this.store.delete(objects.map(({ key }) => key));
  }

  /** Starts the actors. From now on a storage operation runs only when it is chosen. */
  async start(runs: readonly (() => Promise<unknown>)[]): Promise<void> {
    this.#runsAtOnce = false;
    runs.forEach((run, actor) => {
      const { history } = this.#actors[actor]!;
      const end = (state: 'done' | 'failed', result: string) => {
        if (this.#actors[actor]!.state !== 'active') return;
        this.#actors[actor]!.state = state;
        history.push(result);
      };
      run().then(
        () => end('done', 'done'),
        (error: unknown) => end('failed', String(error)),
      );
    });
    await this.#settled();
  }

  /** The operations that can run next, as `actor: operation`. */
  get choices(): readonly string[] {
    return this.#eligible.map(({ actor, label }) => `${actor}: ${label}`);
  }

  /** Time passes only while no request is under way. */
  get #eligible(): readonly Parked[] {
    const mayPass = this.#parked.every(({ isIdle, passes }) => isIdle || passes);
    return this.#parked.filter(({ passes }) => mayPass || !passes);
  }

  stateOf(actor: number): 'active' | 'done' | 'failed' | 'crashed' {
    return this.#actors[actor]!.state;
  }

  /** Whether any operation failed, lost its answer, or crashed its actor. */
  get isDisturbed(): boolean {
    return this.#isDisturbed;
  }

  async choose(index: number, fate: Fate = 'run'): Promise<void> {
    this.#isDisturbed ||= fate !== 'run';
    const chosen = this.#eligible[index]!;
    this.#parked.splice(this.#parked.indexOf(chosen), 1);
    const { actor, label, run, resolve, reject } = chosen;
    const { history } = this.#actors[actor]!;
    if (fate === 'fail' || fate === 'crash before') history.push(`${label} ${fate}`);
    const outcome = fate === 'fail' || fate === 'crash before' ? { result: undefined } : await outcomeOf(run);
    if (fate === 'crash before' || fate === 'crash after') {
      this.#actors[actor]!.state = 'crashed';
      this.#parked = this.#parked.filter((parked) => parked.actor !== actor);
      return;
    }
    if (fate !== 'run') {
      reject(new StoreError('unavailable', `${label}: ${fate}`));
    } else if ('refusal' in outcome) {
      history.push(`${label} = ${String(outcome.refusal)}`);
      reject(outcome.refusal);
    } else {
      history.push(`${label} = ${summary(outcome.result)}`);
      resolve(outcome.result);
    }
    await this.#settled();
  }

  /** The state of the world: stored objects, what each actor has seen, and what it waits for. Equal states have equal futures. */
  get fingerprint(): string {
    const stored = [...this.store.objects()]
      .filter(({ key }) => key !== SYSTEM_KEY) // It has a random secret, and never changes.
      .map(({ key, etag, lastModified, bytes }) => `${key} ${etag} ${lastModified.getTime()} ${contentOf(bytes)}`)
      .sort();
    // Concurrent operations of one actor may be answered in any order: it makes no difference to the actor.
    const actors = this.#actors.map(({ state, history }) => [state, ...history.toSorted()]);
    return digestOfText(JSON.stringify([this.#nowMs, stored, actors, [...this.choices].sort()]));
  }

  async #awaited<T>(job: Promise<T>): Promise<T> {
    this.#cryptoJobs += 1;
    return job.finally(() => (this.#cryptoJobs -= 1));
  }

  /**
   * Waits until every actor waits for a choice. Without this, a busy machine would make another run of the same seed. Code goes
   * on in microtasks, which end before `setImmediate`, and behind jobs of WebCrypto.
   */
  async #settled(): Promise<void> {
    for (let quietTurns = 0; quietTurns < 2; quietTurns = this.#cryptoJobs > 0 ? 0 : quietTurns + 1)
      await new Promise((resolve) => setImmediate(resolve));
  }

  #viewOf(actor: number): ObjectStore {
    const paged = overriddenStore(this.store, {
      list: ({ limit = MAX_KEYS, ...options }) => this.store.list({ ...options, limit: Math.min(limit, this.#pageKeys) }),
    });
    return interceptedStore(paged, <R>(name: string, subject: unknown, run: () => Promise<R>) => {
      const label = `${name} ${typeof subject === 'string' ? subject : JSON.stringify(subject)}`;
      return this.#park(actor, label, run);
    });
  }

  #park<R>(actor: number, label: string, run: () => Promise<R>, { isIdle = false, passes = false } = {}): Promise<R> {
    if (this.#runsAtOnce) return run();
    return new Promise<R>((resolve, reject) => {
      this.#parked.push({ actor, label, run, resolve: resolve as (result: unknown) => void, reject, isIdle, passes });
    });
  }

  /** When all actors have stopped: runs collection until the grace period has passed for everything. */
  async collectAll(): Promise<void> {
    this.#runsAtOnce = true;
    const collector = await this.enter();
    for (let run = 0; run < 6; run += 1) {
      await collector.pass(GRACE_MS * 1.1);
      await collector.collect();
    }
  }
}

/** The same for every world: a probe takes longer than most runs. */
let bucketRecord: Promise<Uint8Array> | undefined;

async function recordOfNewBucket(): Promise<Uint8Array> {
  const store = new MemoryStore();
  await new BucketInfo({
    store,
    storeName: STORE_NAME,
    pace: { clock: () => new Date(0), wait: async () => undefined, random: () => 0 },
    randomId: () => 'probe',
  }).capabilities();
  return readAll((await store.get(SYSTEM_KEY))!.body);
}

export const GRACE_MS = 24 * 3_600_000;
/** Small, so that the chunks of any blob here fill parts. */
export const PART_BYTES = 8;

/** The storage may refuse an operation, such as a part of an upload that has ended. */
async function outcomeOf(run: () => Promise<unknown>): Promise<{ result: unknown } | { refusal: unknown }> {
  try {
    return { result: await run() };
  } catch (refusal) {
    return { refusal };
  }
}

/** What an actor learns from an answer: of an object its version, since the operation has its key. */
function summary(result: unknown): string {
  if (typeof result !== 'object' || result === null) return String(result);
  const { body: _, lastModified: __, ...rest } = result as Record<string, unknown>;
  return JSON.stringify(rest);
}
