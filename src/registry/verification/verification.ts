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

/** Objects that are read at once. This keeps the storage busy while other objects are hashed. */
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
  /** Undefined for all. */
  readonly repositories: ReadonlySet<RepositoryName> | undefined;
  readonly onProgress: (progress: VerificationProgress) => void;
}

/**
 * Reads every manifest, tag, link and linked object, and compares digests and sizes. Clients may push and delete meanwhile, and
 * collection may run: each problem is checked again before it is reported. Repair deletes only links whose bytes are missing.
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
    for await (const repository of listRepositories(store)) await this.#inspect(repository);
    await this.#readObjects();
    await this.#countUnreferenced();
    for (const finding of this.#findings) await this.#checkAgain(finding);
    return this.#report;
  }

  /** Notes the links of every repository, since any may have the copy that another lacks; inspects only the chosen ones. */
  async #inspect(repository: ListedRepository): Promise<void> {
    const { store, repositories } = this.#options;
    for (const digest of repository.blobs) this.#links.add(repository.name, digest);
    if (repositories !== undefined && !repositories.has(repository.name)) return;
    const { findings, objects, counts } = await inspectRepository(store, repository, this.#links);
    this.#findings.push(...findings);
    for (const object of objects) this.#objects.set(object.objectKey, object);
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
    const chosen = names.filter((name) => repositories === undefined || repositories.has(name));
    return mapConcurrently(chosen, CONNECTIONS, async (name) => brokenObject(store, this.#links, name, expected, problem));
  }

  async #countUnreferenced(): Promise<void> {
    if (this.#options.repositories !== undefined) return;
    const { unreferenced } = this.#report;
    for await (const { key, size } of listAll(this.#options.store, OBJECTS_PREFIX)) {
      const { isMarker } = parseObjectKey(key);
      if (isMarker || this.#objects.has(key)) continue;
      unreferenced.objects += 1;
      unreferenced.bytes += size;
    }
  }

  async #checkAgain(finding: Finding): Promise<void> {
    const { missing, corrupt, repaired } = this.#report;
    if (!(await finding.stands())) return;
    if (this.#options.repair) {
      const otherProblem = await finding.repair();
      if (otherProblem !== undefined) return void missing.push({ ...problemOf(finding), problem: otherProblem });
      if (!(await finding.stands())) return void repaired.push(problemOf(finding));
    }
    (finding.category === 'missing' ? missing : corrupt).push(problemOf(finding));
  }
}
