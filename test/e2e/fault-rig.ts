import { expect } from 'vitest';
import type { Digest } from '../../src/domain/digest.ts';
import { decodeEnvelope } from '../../src/storage/envelope.ts';
import { type Action, Walk } from '../api/suites/actions.ts';
import { type Snapshot, snapshotOf, violations } from '../explore/invariants.ts';
import { ApiClient } from '../support/api-client.ts';
import type { Registry } from '../support/each-store.ts';
import type { FaultPlan } from '../support/fault-plan.ts';

/** The smallest part that S3 takes. */
export const PART_BYTES = 5 * 1024 * 1024;

/** For a registry that is looked at closely: many parts, and no purge between the calls that are counted. */
export const RIGGED = {
  REGISTRY_STORAGE_S3_CHUNKSIZE: String(PART_BYTES),
  REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_ENABLED: 'false',
};

/** A registry with the storage behind it in the test's hand. */
export class Rig {
  readonly #registry: () => Registry;
  readonly client: ApiClient;

  constructor(registry: () => Registry) {
    this.#registry = registry;
    this.client = new ApiClient((path, init) => fetch(registry().url + path, init));
  }

  get place() {
    return this.#registry().place!;
  }

  get proxy() {
    return this.place.traffic!.ofApp;
  }

  /** Lets the isolate read what the bucket says of itself: it remembers that when the bucket is empty again. */
  async warmUp(): Promise<void> {
    await this.client.push('warm/up', new Uint8Array(1));
  }

  /** Of the storage at rest; nothing in it may be corrupt or half-visible. */
  async look(dying?: string): Promise<Snapshot> {
    const snapshot = await snapshotOf(this.place.store);
    expect(violations(snapshot, { dying: dying === undefined ? [] : [dying as Digest] })).toEqual([]);
    return snapshot;
  }

  /** The multipart uploads that are neither completed nor aborted, though the registry was told of them. */
  async openMultiparts(): Promise<string[]> {
    const open: string[] = [];
    for (const multipart of this.proxy.multiparts) if (await this.place.isOpen(multipart)) open.push(multipart.multipartId);
    return open;
  }

  /** Goes on after each refusal. */
  async untilDone(walk: Walk): Promise<void> {
    for (let refusals = 0; refusals < 10; refusals += 1) if (await walk.goOn(this.client)) return;
    throw new Error('refused time and again');
  }

  /** Does something while one call goes wrong, then again where it was refused. */
  async attempt(action: Action, plan: FaultPlan): Promise<{ wasReached: boolean; wasRefused: boolean }> {
    await this.place.empty();
    const scene = await action.prepare(this.client, PART_BYTES);
    const walk = new Walk(scene);
    this.proxy.reset();
    this.proxy.arm(plan);
    const wasRefused = !(await walk.goOn(this.client));
    await this.proxy.idle();
    const wasReached = this.proxy.disarm();
    // Where nothing goes through any more, no abort does.
    const canAbort = !('extent' in plan && plan.extent === 'onwards');
    if (wasRefused) {
      const known = multipartsOfRecords(await this.look(scene.dying));
      const lost = (await this.openMultiparts()).filter((multipartId) => !known.includes(multipartId));
      if (canAbort) expect(lost).toEqual([]);
      expect(await walk.goOn(this.client), 'the retry').toBe(true);
      await this.proxy.idle();
    }
    await this.look();
    if (canAbort) expect(await this.openMultiparts()).toEqual([]);
    await scene.verify(this.client);
    return { wasReached, wasRefused };
  }

  /** The same with the first call going wrong, then the second, and so on until there are no more. */
  async attemptEach(action: Action, plan: Omit<FaultPlan, 'at'>): Promise<{ operations: number; refused: number[] }> {
    const refused: number[] = [];
    for (let at = 1; ; at += 1) {
      const { wasReached, wasRefused } = await this.attempt(action, { ...plan, at } as FaultPlan).catch((error: unknown) => {
        throw new Error(`with call ${at} going wrong`, { cause: error });
      });
      if (wasRefused) refused.push(at);
      if (!wasReached) return { operations: at - 1, refused };
    }
  }
}

/** Those that a chunk's record tells of: another chunk goes on with them, or the purge aborts them. */
function multipartsOfRecords({ objects }: Snapshot): string[] {
  const records = [...objects.values()].filter(({ key, bytes }) => key.startsWith('uploads/') && bytes.length > 0);
  return records.flatMap(({ bytes }) => {
    const { multipart } = decodeEnvelope(bytes).header as { multipart?: { multipartId: string } };
    return multipart === undefined ? [] : [multipart.multipartId];
  });
}
