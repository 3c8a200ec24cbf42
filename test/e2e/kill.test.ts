import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Digest } from '../../src/domain/digest.ts';
import { ACTIONS, type Scene, Walk } from '../api/suites/actions.ts';
import { snapshotOf, violations } from '../explore/invariants.ts';
import { ApiClient } from '../support/api-client.ts';
import { auditImages } from '../support/audit.ts';
import { berthBeside, startBerth } from '../support/berth.ts';
import { describeUnless, missingS3 } from '../support/needs.ts';
import { randomFrom } from '../support/random-from.ts';
import { openS3Place, type S3Place } from '../support/s3-place.ts';
import { type Server, startServer } from '../support/server.ts';
import { PART_BYTES, RIGGED } from './fault-rig.ts';

/** KILL_ROUNDS=50 for a long look; KILL_SEED=7 for the same actions and moments again, though not the same races. */
const ROUNDS = Number(process.env['KILL_ROUNDS'] ?? 3);
const SEED = Number(process.env['KILL_SEED'] ?? randomInt(1_000_000));

const CLIENTS = 6;
const LONGEST_MS = 2500;
const TIMEOUT_MS = 120_000 + ROUNDS * 60_000;

/** What became of everything that was begun before the power went. */
interface Outcome {
  readonly acknowledged: readonly Scene[];
  readonly brokenOff: readonly Walk[];
}

describeUnless(missingS3(), 'a registry whose power is cut', () => {
  const random = randomFrom(SEED);
  let place: S3Place;
  let server: Server;
  const client = new ApiClient((path, init) => fetch(server.url + path, init));
  const start = async () => {
    server = await startServer({ env: { ...place.settings, ...RIGGED } });
  };

  beforeAll(async () => {
    place = await openS3Place();
    await start();
  }, TIMEOUT_MS);
  afterAll(async () => {
    await server.stop();
    await place.close();
  }, TIMEOUT_MS);

  /** Clients that push, mount, retag and delete, until there is no registry any more. */
  const actUntilKilled = async (): Promise<Outcome> => {
    const acknowledged: Scene[] = [];
    const brokenOff: Walk[] = [];
    const powerCut = new AbortController();
    const { promise: anyDone, resolve: oneIsDone } = Promise.withResolvers<void>();
    const isOn = () => !powerCut.signal.aborted;
    const act = async () => {
      while (isOn()) {
        const action = ACTIONS[Math.floor(random() * ACTIONS.length)]!;
        const scene = await action.prepare(client, PART_BYTES).catch(unless(isOn));
        if (scene === undefined) return;
        const walk = new Walk(scene);
        const isDone = await walk.goOn(client).catch(unless(isOn));
        if (isDone === true) {
          acknowledged.push(scene);
          oneIsDone();
        } else if (isOn()) throw new Error(`${action.name} was refused`);
        else brokenOff.push(walk);
      }
    };
    const clients = Array.from({ length: CLIENTS }, act);
    const cutPower = async () => {
      await anyDone;
      await sleep(random() * LONGEST_MS);
      powerCut.abort();
      await server.kill();
    };
    await Promise.all([...clients, cutPower()]);
    return { acknowledged, brokenOff };
  };

  /**
   * MinIO loses a multipart upload whose completion breaks off in its midst: its parts are gone, and there is no object
   * (docs/architecture.md). The client gets BLOB_UPLOAD_UNKNOWN, and pushes it again.
   */
  const cutCompletions = (): number => {
    if (place.traffic === undefined) return Infinity;
    const { requests } = place.traffic.ofApp;
    const cut = requests.filter(
      ({ method, query, status }) => method === 'POST' && query.has('uploadId') && status === undefined,
    );
    place.traffic.ofApp.reset();
    return cut.length;
  };

  /**
   * Garbage collection that leaves nothing any time, and is killed as well: whatever it took must have been garbage, or be there again
   * once those who were broken off have gone on. What it condemns in one round dies in the next.
   */
  const collectUntilKilled = async () => {
    const collector = startBerth(['garbage-collect', '--force', '--grace-period', '0s', '-q'], place.settings);
    const ended = once(collector, 'exit');
    await Promise.race([ended, sleep(3 * random() * LONGEST_MS)]);
    collector.kill('SIGKILL');
    const [exitCode] = (await ended) as [number | null];
    return exitCode === null ? 'killed' : exitCode;
  };

  test(
    `at random moments has all that it acknowledged, and nothing by halves (KILL_SEED=${SEED})`,
    { timeout: TIMEOUT_MS },
    async () => {
      const everAcknowledged: Scene[] = [];
      const collections: (number | 'killed')[] = [];
      let [broken, lost, cut] = [0, 0, 0];
      for (let round = 0; round < ROUNDS || broken === 0; round += 1) {
        const { acknowledged, brokenOff } = await actUntilKilled();
        await place.traffic?.ofApp.idle();
        cut += cutCompletions();
        const dying = brokenOff.map(({ scene }) => scene.dying as Digest);
        expect(violations(await snapshotOf(place.store), { dying })).toEqual([]);
        collections.push(await collectUntilKilled());
        await start();
        for (const { verify } of acknowledged) await verify(client);
        for (const walk of brokenOff) {
          expect(await walk.goOn(client, () => (lost += 1))).toBe(true);
          await walk.scene.verify(client);
        }
        expect(lost).toBeLessThanOrEqual(cut);
        expect(violations(await snapshotOf(place.store), { dying: [] })).toEqual([]);
        await auditImages(client);
        everAcknowledged.push(...acknowledged);
        broken += brokenOff.length;
      }
      for (const { verify, isCollectable } of everAcknowledged) if (isCollectable !== true) await verify(client);
      expect(everAcknowledged.length).toBeGreaterThan(0);
      expect(broken).toBeGreaterThan(0);
      expect(collections.filter((each) => each !== 0 && each !== 'killed')).toEqual([]);
      const verified = await berthBeside(['verify', '--json'], place.settings);
      expect(JSON.parse(verified.stdout)).toMatchObject({ missing: [], corrupt: [] });
      console.log(
        `${ROUNDS} rounds, ${broken} requests broken off, ${lost} uploads lost by the storage, collections: ${collections.join(', ')}`,
      );
    },
  );
});

/** For what may fail once the registry is gone. */
function unless(isFault: () => boolean): (error: unknown) => undefined {
  return (error) => {
    if (isFault()) throw error;
  };
}
