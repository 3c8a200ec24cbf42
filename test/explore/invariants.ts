import { algorithmOf, type Digest, digestOf } from '../../src/domain/digest.ts';
import { parseManifest } from '../../src/domain/manifest.ts';
import { decodeEnvelope } from '../../src/storage/envelope.ts';
import { listAll, type ObjectStore, readAll } from '../../src/storage/object-store.ts';

interface StoredHeader {
  readonly state: string;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly object?: string;
}

interface CellAt {
  readonly repository: string;
  readonly kind: string;
  readonly name: string;
  readonly header: StoredHeader;
  readonly bytes: Uint8Array;
}

export interface ObjectAt {
  readonly key: string;
  readonly etag: string;
  readonly bytes: Uint8Array;
}

/** The bucket's content at one moment. */
export class Snapshot {
  readonly objects: ReadonlyMap<string, ObjectAt>;
  readonly cells: readonly CellAt[];

  constructor(objects: Iterable<ObjectAt>) {
    this.objects = new Map([...objects].map((object) => [object.key, object]));
    this.cells = [...this.objects].flatMap(([key, { bytes }]) => {
      const match = /^repositories\/(.+)\/_(blobs|manifests|tags|referrers)\/(.+)$/.exec(key);
      if (match === null || bytes.length === 0) return [];
      const envelope = decodeEnvelope(bytes);
      return [
        {
          repository: match[1]!,
          kind: match[2]!,
          name: match[3]!,
          header: envelope.header as StoredHeader,
          bytes: envelope.bytes,
        },
      ];
    });
  }

  tag(repository: string, tag: string): Digest | undefined {
    return this.cells.find((cell) => cell.repository === repository && cell.kind === 'tags' && cell.name === tag)?.header.digest;
  }

  mediaType(repository: string, kind: 'tags' | 'manifests', name: string): string | undefined {
    const key = name.replace(':', '/');
    return this.cells.find((cell) => cell.repository === repository && cell.kind === kind && cell.name === key)?.header.mediaType;
  }

  isListed(repository: string): boolean {
    return this.objects.has(`catalog/${repository}!`);
  }

  /** Whether the repository has a link to the blob, and the bytes exist. */
  isReadable(repository: string, digest: Digest): boolean {
    const link = this.cells.find(
      (cell) => cell.repository === repository && cell.kind === 'blobs' && cell.header.digest === digest,
    );
    return link !== undefined && this.objects.has(link.header.object!);
  }

  has(repository: string, kind: 'blobs' | 'manifests' | 'referrers', digest: Digest): boolean {
    return this.cells.some((cell) => cell.repository === repository && cell.kind === kind && cell.header.digest === digest);
  }
}

/** Reads objects one after the other, so nobody may write meanwhile. */
export async function snapshotOf(store: ObjectStore): Promise<Snapshot> {
  const objects: ObjectAt[] = [];
  for await (const { key } of listAll(store, '')) {
    const object = await store.get(key);
    if (object !== undefined) objects.push({ key, etag: object.etag, bytes: await readAll(object.body) });
  }
  return new Snapshot(objects);
}

/** Data objects that were written more than once. It needs a store that counts a key's writes in its ETag, as MemoryStore does. */
export function rewrittenData({ objects }: Snapshot): string[] {
  const rewritten = [...objects.values()].filter(({ key, etag }) => key.startsWith('objects/') && etag !== '"1"');
  return rewritten.map(({ key }) => `${key} was written more than once`);
}

export interface Exceptions {
  /** Manifests that are being deleted; their tags follow. */
  readonly dying: readonly Digest[];
  /** Whether collection is deleting hints, or a concurrent push has not checked its hint yet. */
  readonly areHintsUnsettled?: boolean;
  /** A blob whose bytes a fault deleted: its links may be broken or deleted. */
  readonly lost?: Digest | undefined;
}

/**
 * The invariants of docs/architecture.md that hold at every moment.
 * @returns what is wrong
 */
export function violations(snapshot: Snapshot, { dying, areHintsUnsettled = false, lost }: Exceptions): string[] {
  const wrong: string[] = [];
  for (const { repository, kind, name, header, bytes } of snapshot.cells) {
    const where = `${repository} ${kind} ${name}`;
    if (kind === 'referrers') {
      if (!dying.includes(header.digest) && !snapshot.has(repository, 'manifests', header.digest))
        wrong.push(`${where}: ${header.digest} is listed as a referrer, but does not exist`);
      continue;
    }
    const content = kind === 'blobs' ? snapshot.objects.get(header.object!)?.bytes : bytes;
    if (content === undefined) {
      if (header.digest !== lost) wrong.push(`${where}: its bytes are missing`);
    } else if (digestOf(content, algorithmOf(header.digest)) !== header.digest)
      wrong.push(`${where}: its bytes have another digest`);
    if (kind === 'manifests') {
      for (const { digest, isRequired } of parseManifest(bytes, header.mediaType).references)
        if (isRequired && digest !== lost && !snapshot.has(repository, 'blobs', digest))
          wrong.push(`${where}: ${digest} is missing`);
    }
    if (kind === 'tags') {
      const hint = `repositories/${repository}/_tagged/${header.digest.replace(':', '/')}/${name}`;
      if (areHintsUnsettled) continue;
      if (!snapshot.objects.has(hint)) wrong.push(`${where}: ${header.digest} has no hint of it`);
      if (!dying.includes(header.digest) && !snapshot.has(repository, 'manifests', header.digest))
        wrong.push(`${where}: its manifest is missing`);
    }
  }
  for (const key of snapshot.objects.keys()) {
    const listed = /^catalog\/(.+)!$/.exec(key)?.[1];
    const prefix = `repositories/${listed}/_manifests/`;
    if (listed !== undefined && ![...snapshot.objects.keys()].some((each) => each.startsWith(prefix)))
      wrong.push(`${listed} is in the catalog before it has a manifest`);
  }
  return wrong;
}

/**
 * Unreferenced data that collection should have deleted.
 * @param lost - a blob with a broken link: collection then counts its only other object as referenced
 */
export function garbage(snapshot: Snapshot, lost?: Digest): string[] {
  const links = snapshot.cells.filter(({ kind }) => kind === 'blobs');
  const referenced = new Set(links.map(({ header }) => header.object));
  const objects = [...snapshot.objects.keys()].filter((key) => key.startsWith('objects/'));
  const isLost = (key: string) => lost !== undefined && key.includes(lost.replace(':', '/'));
  const unreferencedObjects = objects
    .filter((key) => !referenced.has(key.split('!')[0]) && !isLost(key))
    .map((key) => `${key} is left, and no link names it`);
  const needed = new Set(
    snapshot.cells
      .filter(({ kind }) => kind === 'manifests' || kind === 'tags')
      .flatMap(({ repository, bytes, header }) =>
        parseManifest(bytes, header.mediaType).references.map(({ digest }) => `${repository} ${digest}`),
      ),
  );
  const unreferencedLinks = links.filter(({ repository, header }) => !needed.has(`${repository} ${header.digest}`));
  return [
    ...unreferencedObjects,
    ...unreferencedLinks.map(({ repository, header }) => `${repository} ${header.digest} is left, and no manifest references it`),
    ...untidied(snapshot),
  ];
}

/** Stale hints, and catalog entries that are stale or missing. */
function untidied(snapshot: Snapshot): string[] {
  const wrong: string[] = [];
  const keys = [...snapshot.objects.keys()];
  for (const key of keys) {
    const [, repository, algorithm, hex, tag] = /^repositories\/(.+)\/_tagged\/(.+)\/(.+)\/(.+)$/.exec(key) ?? [];
    if (repository !== undefined && snapshot.tag(repository, tag!) !== `${algorithm}:${hex}`) wrong.push(`${key} is left`);
  }
  const entries = keys.flatMap((key) => /^catalog\/(.+)!$/.exec(key)?.[1] ?? []);
  const filled = new Set(snapshot.cells.filter(({ kind }) => kind === 'manifests').map(({ repository }) => repository));
  for (const name of entries) if (!filled.has(name)) wrong.push(`${name} is listed, and has no manifest`);
  for (const name of filled) if (!entries.includes(name)) wrong.push(`${name} has manifests, and is not listed`);
  return wrong;
}
