import { CONNECTIONS, mapConcurrently } from '../../lib/map-concurrently.ts';
import { BlobLinkIndex } from '../blob-link-index.ts';
import { type ListedRepository, listRepositories } from '../repository-listing.ts';
import type { RepositoryName } from '../../domain/reference.ts';
import { OBJECTS_PREFIX, parseObjectKey } from '../../storage/keys.ts';
import { listAll, type SmallObjects } from '../../storage/object-store.ts';
import { type ExpectedObject, type ObjectProblem, problemOfObject } from './bytes.ts';
import { type Finding, problemOf } from './finding.ts';
import { brokenObject } from './links.ts';
import { inspectRepository } from './repository.ts';
import { emptyReport, type VerificationReport } from './report.ts';

/** Objects that are read at once: what keeps the storage busy, with a hash to each. */
const STREAMS = 4;

export interface VerificationProgress {
  readonly objects: number;
  readonly bytes: number;
  readonly totalObjects: number;
  readonly totalBytes: number;
}

export interface VerificationOptions {
  readonly store: SmallObjects;
  readonly repair: boolean;
  /** Undefined: all. */
  readonly repositories: ReadonlySet<RepositoryName> | undefined;
  readonly onProgress: (progress: VerificationProgress) => void;
}

/**
 * Reads all that manifests need and compares it with what it should be, while people push, delete and collect: what seems
 * wrong is looked at again before it is called so. Repair deletes nothing but links whose bytes are gone.
 */
export class Verification {
  readonly #options: VerificationOptions;
  readonly #report = emptyReport();
  readonly #links = new BlobLinkIndex();
  readonly #objects = new Map<string, ExpectedObject>();
  readonly #findings: Finding[] = [];

  constructor(options: VerificationOptions) {
    this.#options = options;
  }

  async run(): Promise<VerificationReport> {
    const { store } = this.#options;
    for await (const repository of listRepositories(store)) await this.#examine(repository);
    await this.#readObjects();
    await this.#countUnreferenced();
    for (const finding of this.#findings) await this.#settle(finding);
    return this.#report;
  }

  /** Links of all are known, since any may hold what another lacks; only those asked for are examined. */
  async #examine(repository: ListedRepository): Promise<void> {
    const { store, repositories } = this.#options;
    for (const digest of repository.blobs) this.#links.add(repository.name, digest);
    if (repositories !== undefined && !repositories.has(repository.name)) return;
    const { findings, objects, counts } = await inspectRepository(store, repository, this.#links);
    this.#findings.push(...findings);
    for (const object of objects) this.#objects.set(object.object, object);
    this.#report.repositories += 1;
    this.#report.manifests += counts.manifests;
    this.#report.tags += counts.tags;
    this.#report.links += counts.links;
  }

  async #readObjects(): Promise<void> {
    const { store, onProgress } = this.#options;
    const all = [...this.#objects.values()];
    const totalBytes = all.reduce((sum, { size }) => sum + size, 0);
    await mapConcurrently(all, STREAMS, async (expected) => {
      const problem = await problemOfObject(store, expected);
      if (problem !== undefined) this.#findings.push(...(await this.#brokenLinks(expected, problem)));
      this.#report.objects += 1;
      this.#report.bytes += expected.size;
      onProgress({ objects: this.#report.objects, bytes: this.#report.bytes, totalObjects: all.length, totalBytes });
    });
  }

  #brokenLinks(expected: ExpectedObject, problem: ObjectProblem): Promise<Finding[]> {
    const { store, repositories } = this.#options;
    const names = this.#links.repositoriesWith(expected.digest).toReversed();
    const asked = names.filter((name) => repositories === undefined || repositories.has(name));
    return mapConcurrently(asked, CONNECTIONS, async (name) => brokenObject(store, this.#links, name, expected, problem));
  }

  async #countUnreferenced(): Promise<void> {
    if (this.#options.repositories !== undefined) return;
    const { unreferenced } = this.#report;
    for await (const { key, size } of listAll(this.#options.store, OBJECTS_PREFIX)) {
      const { object, isMarker } = parseObjectKey(key);
      if (isMarker || this.#objects.has(object)) continue;
      unreferenced.objects += 1;
      unreferenced.bytes += size;
    }
  }

  async #settle(finding: Finding): Promise<void> {
    const { missing, corrupt, repaired } = this.#report;
    if (!(await finding.stands())) return;
    if (this.#options.repair) {
      const told = await finding.repair();
      if (typeof told === 'string') return void missing.push({ ...problemOf(finding), problem: told });
      if (!(await finding.stands())) return void repaired.push(problemOf(finding));
    }
    (finding.category === 'missing' ? missing : corrupt).push(problemOf(finding));
  }
}
