/** Garbage collection: what the tags and manifests of one repository reference. */
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../src/domain/digest.ts';
import { subjectTag } from '../../src/domain/referrer.ts';
import type { RepositoryName, Tag } from '../../src/domain/reference.ts';
import { fingerprintOf, packFingerprints, unpackFingerprints } from '../../src/registry/gc/fingerprints.ts';
import { Mark, markHeader } from '../../src/registry/gc/mark.ts';
import type { StoredCell } from '../../src/storage/cell.ts';
import { bytesOf, imageManifest, OCI_IMAGE, OCI_INDEX } from '../support/api-client.ts';

const NO_BYTES = new Uint8Array(0);
const [LATEST, OTHER] = ['latest', 'other'] as [Tag, Tag];
const digest = (text: string) => digestOf(bytesOf(text));
const CONFIG = digest('config');

const cellOf = (text: string, mediaType: string): StoredCell => ({
  state: 'live',
  digest: digest(text),
  mediaType,
  size: text.length,
  bytes: bytesOf(text),
  etag: '',
  lastModified: new Date(0),
});
const image = (n: number, more: object = {}) =>
  cellOf(imageManifest(CONFIG, 2, [], { annotations: { n: `${n}` }, ...more }), OCI_IMAGE);
const descriptorOf = (cell: StoredCell) => ({ mediaType: cell.mediaType, digest: cell.digest, size: cell.size });
const index = (children: readonly StoredCell[], more: object = {}) =>
  cellOf(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: children.map(descriptorOf), ...more }), OCI_INDEX);

const markOf = (tracksKept = true) => new Mark({ repository: 'app' as RepositoryName, begunMs: 1, tracksKept });

/** The same mark, as the next run reads it. */
function reloaded(mark: Mark): Mark {
  const { header, sections } = mark.save();
  return Mark.load(markHeader.parse(JSON.parse(JSON.stringify(header))), sections);
}

/** A mark that another run has left, with so many fingerprints in a section. */
const markWith = (section: 'markSeen' | 'markEdges', count: number) => {
  const { header, sections } = markOf().save();
  const fingerprints = Buffer.alloc(16 * count);
  for (let n = 0; n < count; n += 1) fingerprints.writeUInt32LE(n, 16 * n);
  return Mark.load(markHeader.parse(header), { ...sections, [section]: fingerprints });
};

describe('a mark', () => {
  test('knows hints, tags and live manifests, each for itself', () => {
    const mark = markOf();
    const one = image(1);
    mark.noteHint(one.digest, LATEST);
    expect([mark.hasHint(one.digest, LATEST), mark.hasHint(one.digest, OTHER)]).toEqual([true, false]);
    expect([mark.isTagged(one.digest, LATEST), mark.isLive(one.digest), mark.hasLive]).toEqual([false, false, false]);
    mark.noteTag(LATEST, one);
    expect([mark.isTagged(one.digest, LATEST), mark.isTagged(one.digest, OTHER)]).toEqual([true, false]);
    expect([mark.isLive(one.digest), mark.isSeen(one.digest), mark.hasLive]).toEqual([false, true, false]);
    mark.noteLive(one.digest);
    expect([mark.isLive(one.digest), mark.isLiveSubject(subjectTag(one.digest)), mark.hasLive]).toEqual([true, true, true]);
    expect([mark.isLive(image(2).digest), mark.isSeen(image(2).digest)]).toEqual([false, false]);
  });

  test('knows what a manifest names, tagged or not', () => {
    const [layer, child, one] = [digest('layer'), image(1), image(2)];
    const mark = markOf();
    mark.noteManifest(cellOf(imageManifest(CONFIG, 2, [{ digest: layer, size: 5 }]), OCI_IMAGE));
    mark.noteTag(LATEST, index([child]));
    expect([CONFIG, layer, child.digest, one.digest].map((each) => mark.isNamed(each))).toEqual([true, true, true, false]);
  });

  test('parses a manifest once', () => {
    const mark = markOf();
    mark.noteManifest(image(1));
    expect(() => mark.noteTag(LATEST, { ...image(1), bytes: bytesOf('no JSON') })).not.toThrow();
    expect(() => mark.noteManifest({ ...image(2), bytes: bytesOf('no JSON') })).toThrow();
  });
});

describe('kept manifests', () => {
  const [child, other] = [image(1), image(2)];
  const inner = index([child]);
  const outer = index([inner, other]);
  const subject = image(3);
  const signature = image(4, { subject: descriptorOf(subject) });
  const second = image(5, { subject: descriptorOf(signature) });
  const kept = (mark: Mark, ...cells: readonly StoredCell[]) => cells.map((cell) => mark.isKept(cell.digest));

  const read = (tagged: readonly StoredCell[], others: readonly StoredCell[]) => {
    let mark = markOf();
    for (const [n, cell] of tagged.entries()) mark.noteTag(`${n}` as Tag, cell);
    mark = reloaded(mark);
    for (const cell of others) mark.noteManifest(cell);
    mark = reloaded(mark);
    mark.followEdges();
    return reloaded(mark);
  };

  test('are those with a tag, and none where the mark does not learn it', () => {
    const mark = markOf(false);
    mark.noteTag(LATEST, outer);
    mark.noteManifest(inner);
    mark.followEdges();
    expect(kept(mark, outer, inner)).toEqual([false, false]);
    expect(kept(read([subject], [other]), subject, other)).toEqual([true, false]);
  });

  test.each([
    ['in one order', [inner, child, other]],
    ['in the other', [child, other, inner]],
  ])('are the children of a kept index, and their children, read %s', (_, others) => {
    expect(kept(read([outer], others), inner, child, other)).toEqual([true, true, true]);
    expect(kept(read([inner], [outer, ...others]), outer, inner, child, other)).toEqual([false, true, true, false]);
    expect(kept(read([], [outer, ...others]), outer, inner, child, other)).toEqual([false, false, false, false]);
  });

  test.each([
    ['in one order', [signature, second]],
    ['in the other', [second, signature]],
  ])('are the referrers of a kept subject, and theirs, read %s', (_, others) => {
    expect(kept(read([subject], others), signature, second)).toEqual([true, true]);
    expect(kept(read([signature], [subject, ...others]), subject, signature, second)).toEqual([false, true, true]);
    expect(kept(read([], [subject, ...others]), subject, signature, second)).toEqual([false, false, false]);
  });

  test('are the children of each referrer, also of one that is not kept', () => {
    const referrer = index([child], { subject: descriptorOf(subject) });
    expect(kept(read([], [referrer]), referrer, child)).toEqual([false, true]);
  });

  test('are several referrers of one subject, also read before its tag', () => {
    const signatures = [6, 7, 8].map((n) => image(n, { subject: descriptorOf(subject) }));
    expect(kept(read([subject], signatures), ...signatures)).toEqual([true, true, true]);
    expect(kept(read([other], signatures), ...signatures)).toEqual([false, false, false]);
    const mark = markOf();
    for (const signature of signatures) mark.noteManifest(signature);
    const next = reloaded(mark);
    next.noteTag(LATEST, subject);
    next.followEdges();
    expect(kept(next, ...signatures)).toEqual([true, true, true]);
  });

  test('are found however deep they are, and read from below', () => {
    const levels = [child];
    for (let n = 0; n < 5; n += 1) levels.push(index([levels.at(-1)!]));
    const [top, ...others] = levels.toReversed() as [StoredCell, ...StoredCell[]];
    expect(kept(read([top], others.toReversed()), ...levels)).toEqual(levels.map(() => true));
  });

  test('cost no edges where the mark does not learn them, and none for blobs', () => {
    const mark = markOf(false);
    for (const cell of [outer, inner, signature]) mark.noteManifest(cell);
    expect(mark.save().sections['markEdges']).toHaveLength(0);
    const learning = markOf();
    learning.noteManifest(child);
    expect(learning.save().sections['markEdges']).toHaveLength(0);
  });

  test('are found although two manifests are subjects of each other', () => {
    const { header, sections } = markOf().save();
    const [one, two] = [digest('one'), digest('two')];
    const ends = [one, two, two, one].map(fingerprintOf);
    const mark = Mark.load(markHeader.parse(header), { ...sections, markEdges: packFingerprints(ends) });
    mark.followEdges();
    expect([one, two].map((each) => mark.isKept(each))).toEqual([false, false]);
  });

  test('include all that further edges lead to, once a mark has 40,000', () => {
    const children = [child];
    for (const [edges, isKept] of [
      [39_999, false],
      [40_000, true],
    ] as const) {
      const mark = markWith('markEdges', 2 * edges);
      mark.noteManifest(index(children));
      mark.followEdges();
      expect(kept(mark, child)).toEqual([isKept]);
    }
  });
});

test('a mark remembers the first 150,000 manifests as read', () => {
  for (const [seen, isSeen] of [
    [149_999, true],
    [150_000, false],
  ] as const) {
    const mark = markWith('markSeen', seen);
    mark.noteManifest(image(1));
    expect(mark.isSeen(image(1).digest)).toBe(isSeen);
    expect(mark.isNamed(CONFIG)).toBe(true);
  }
});

test('the next run has all that a mark has learned', () => {
  const mark = markOf();
  const one = image(1);
  mark.noteHint(one.digest, LATEST);
  mark.noteTag(OTHER, one);
  Object.assign(mark, { hasLive: true, hasYoung: true, hasTombstones: true, times: [1, 2] });
  mark.position = { stage: 'tags', key: 'a key' };
  const next = reloaded(mark);
  expect(next).toMatchObject({ repository: 'app', begunMs: 1, tracksKept: true, hasLive: true, hasYoung: true });
  expect(next).toMatchObject({ hasTombstones: true, times: [1, 2], position: { stage: 'tags', key: 'a key' } });
  expect([next.hasHint(one.digest, LATEST), next.isTagged(one.digest, OTHER), next.isSeen(one.digest)]).toEqual([
    true,
    true,
    true,
  ]);
  expect(next.save()).toEqual(mark.save());
  next.position = { stage: 'tags', key: undefined };
  expect(reloaded(next).position).toEqual({ stage: 'tags', key: undefined });
});

test('fingerprints come back as they were packed', () => {
  const all = ['a', 'b', 'ÿ'].map(fingerprintOf);
  expect(all.map(({ length }) => length)).toEqual([16, 16, 16]);
  expect(unpackFingerprints(packFingerprints(all))).toEqual(all);
  expect(packFingerprints(all)).toHaveLength(48);
  expect(unpackFingerprints(NO_BYTES)).toEqual([]);
  expect(Buffer.from(fingerprintOf('a'), 'latin1').toString('hex')).toBe(digestOf(bytesOf('a')).slice(7, 7 + 32));
});
