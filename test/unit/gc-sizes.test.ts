/** Garbage collection: the sizes that keep its stored state below 32 MB. */
import { expect, test } from 'vitest';
import { digestOf } from '../../src/domain/digest.ts';
import type { RepositoryName } from '../../src/domain/reference.ts';
import { emptyLookResult, loadLookResult, saveLookResult } from '../../src/registry/gc/look-result.ts';
import { LookState } from '../../src/registry/gc/look-state.ts';
import { Mark, markHeader } from '../../src/registry/gc/mark.ts';
import { bytesOf } from '../support/api-client.ts';

/** A filter's layers have 4 KiB, then 16 KiB and so on. */
const layersBytes = (layers: number) => (4096 * (4 ** layers - 1)) / 3;
/** Texts in the last layer when it is full. */
const lastCount = (layers: number) => 1024 * 4 ** (layers - 1);
const DIGEST = digestOf(bytesOf('x'));

/** Fills filters with nothing but zeros, so that each text is new. @returns the bytes of each once one text more is in it */
const FILTERS = {
  mark: (layers: number) => {
    const { header, sections } = new Mark({ repository: 'a' as RepositoryName, begunMs: 1, tracksKept: false }).save();
    const full = { ...sections, markFilter: new Uint8Array(layersBytes(layers)) };
    const mark = Mark.load(markHeader.parse({ ...header, filterCount: lastCount(layers) }), full);
    mark.noteLive(DIGEST);
    return mark.save().sections['markFilter']!.length;
  },
  look: (layers: number) => {
    const { header, sections } = new LookState({ begunMs: 1 }).save();
    const full = { ...sections, lookFilter: new Uint8Array(layersBytes(layers)) };
    const look = LookState.load({ ...header, filterCount: lastCount(layers) }, full);
    look.noteLinked(DIGEST);
    return look.save().sections['lookFilter']!.length;
  },
  "look's result": (layers: number) => {
    const { header, sections } = saveLookResult(emptyLookResult(1));
    const full = { ...sections, several: new Uint8Array(layersBytes(layers)) };
    const result = loadLookResult({ ...header, severalCount: lastCount(layers) }, full, undefined);
    result.ambiguous.add(DIGEST);
    return saveLookResult(result).sections['several']!.length;
  },
};

test.each([
  ['mark', 7],
  ['look', 7],
  ["look's result", 5],
] as const)('the filter of a %s has at most %i layers', (name, layers) => {
  expect(FILTERS[name](layers - 1)).toBe(layersBytes(layers));
  expect(FILTERS[name](layers)).toBe(layersBytes(layers));
});
